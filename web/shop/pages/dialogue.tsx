//! Owns the dialogue after a tap: the product, what was said, the replies offered now.
//! On failure: a reply that did not arrive can be pressed again; an unknown dialogue says so.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { ApiError, ask, newKey } from "../../shared/api.ts";
import { ART_HUES, artName, artUrl, scenicUrl } from "../../shared/art.ts";
import { pick } from "../../shared/i18n.ts";
import type { Dialogue, DialogueChoice } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Empty, SkeletonBox } from "../../shared/ui/feedback.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { Price } from "../parts/card.tsx";
import { failed } from "../state.ts";
import { type TextKey, t } from "../texts.ts";

const CHOICES: Readonly<Record<DialogueChoice, TextKey>> = { keep: "dialogue.keep", more_like_this: "dialogue.more_like_this", not_interesting: "dialogue.not_interesting", where_is_it: "dialogue.where_is_it" };

const arrived = signal<Dialogue | undefined>(undefined);
/** The answer to a tap is the dialogue itself: no second request, no skeleton. */
export const rememberDialogue = (dialogue: Dialogue): void => {
  arrived.value = dialogue;
};

export function DialoguePage({ dialogue: id }: { dialogue: string }) {
  const [busy, setBusy] = useState<DialogueChoice>();
  const { data, error, again, set } = useLoaded(() => (arrived.value?.dialogue === id ? Promise.resolve(arrived.value) : ask<Dialogue>(`/v1/dialogues/${encodeURIComponent(id)}`)), [id]);
  const reply = async (choice: DialogueChoice) => {
    setBusy(choice);
    try {
      set(await ask<Dialogue>(`/v1/dialogues/${encodeURIComponent(id)}/replies`, { method: "POST", body: { choice }, idempotencyKey: newKey() }));
    } catch (failure) {
      failed(failure);
    } finally {
      setBusy(undefined);
    }
  };
  if (!data) {
    return (
      <div class="page">
        {error ? (
          <Empty page art={scenicUrl(error instanceof ApiError && error.status === 0 ? "offline" : "error")} title={t("dialogue.gone")} action={<Button onPress={again}>{t("again")}</Button>}>
            {error.status === 0 ? t("offline.try") : t("dialogue.gone_text")}
          </Empty>
        ) : (
          <SkeletonBox height="22rem" />
        )}
      </div>
    );
  }
  const language = locale.value;
  const image = data.content?.image ?? data.product?.image;
  return (
    <div class="page">
      <section class="product" style={{ "--hue": String(ART_HUES[artName(image)]) }}>
        <img src={artUrl(image)} alt="" width="200" height="200" />
        <h1>{data.product ? pick(data.product.name, language) : t("dialogue.store")}</h1>
        {data.content ? <p>{pick(data.content.line, language)}</p> : null}
        {data.price ? <Price price={data.price} was={data.was} large /> : null}
      </section>
      <ol class="talk" aria-live="polite">
        {data.lines.map((line, at) => (
          <li key={at} class={line.from === "customer" ? "mine" : "theirs"}>
            {pick(line.text, language)}
          </li>
        ))}
      </ol>
      <div class="replies">
        {data.choices.map((choice) => (
          <Button key={choice} kind={choice === "keep" ? "primary" : "normal"} busy={busy === choice} onPress={() => void reply(choice)}>
            {t(CHOICES[choice])}
          </Button>
        ))}
      </div>
    </div>
  );
}
