//! Owns true previews: the renderer of the surfaces themselves, in a small box.
import { useEffect, useRef } from "preact/hooks";
import { ART_HUES, artName, artUrl } from "../../shared/art.ts";
import { money } from "../../shared/format.ts";
import { drawScene } from "../../shared/scene.ts";
import type { Content } from "../../shared/types.ts";
import { locale } from "../../shared/ui/locale.ts";
import { local } from "../words.ts";
import { t } from "../texts.ts";

/** `portrait`: the same content on a standing screen. The old picture stays until the new one is decoded. */
export function ScreenPreview({ content, portrait = false, label }: { content: Content; portrait?: boolean; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const language = locale.value;
  const key = JSON.stringify(content);
  useEffect(() => {
    let current = true;
    const { element, ready } = drawScene(content, "main", language);
    const show = () => {
      if (current) box.current?.replaceChildren(element);
    };
    ready.then(show, show);
    return () => {
      current = false;
    };
  }, [key, language]);
  return <div ref={box} class={portrait ? "preview portrait" : "preview"} role="img" aria-label={`${label}: ${local(content.headline)}`} />;
}

export function NfcPreview({ content, label }: { content: Content; label: string }) {
  return (
    <div class="preview nfc-preview" role="img" aria-label={`${label}: ${local(content.headline)}`} style={{ "--hue": String(ART_HUES[artName(content.image)]) }}>
      <div class="nfc-preview-art">
        <img src={artUrl(content.image)} alt="" />
      </div>
      <div class="nfc-preview-words">
        <strong>{local(content.headline)}</strong>
        <span>{local(content.line)}</span>
        {content.price ? <b>{money(content.price, locale.value)}</b> : null}
      </div>
      <div class="nfc-preview-code" />
    </div>
  );
}

export function PhonePreview({ content, name, label }: { content: Content; name: string; label: string }) {
  return (
    <div class="phone" role="img" aria-label={`${label}: ${name}`} style={{ "--hue": String(ART_HUES[artName(content.image)]) }}>
      <div class="phone-card">
        <div class="phone-art">
          <img src={artUrl(content.image)} alt="" />
        </div>
        <div>
          <small>{t("why.often_buys")}</small>
          <strong>{name}</strong>
          <span>{local(content.line) || local(content.headline)}</span>
          {content.price ? (
            <b>
              {money(content.price, locale.value)} {content.was ? <s>{money(content.was, locale.value)}</s> : null}
            </b>
          ) : null}
        </div>
      </div>
    </div>
  );
}
