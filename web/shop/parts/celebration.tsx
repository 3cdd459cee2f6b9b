//! Owns the one celebration: a check-in has worked. Shown once per visit, leaves by itself, can be pressed away.
import { Check } from "lucide";
import { useEffect } from "preact/hooks";
import { Icon } from "../../shared/ui/icon.tsx";
import { go } from "../../shared/ui/route.ts";
import { justOpened } from "../state.ts";
import { t } from "../texts.ts";

const SHOWN_MS = 1_800;

export function Celebration() {
  const opened = justOpened.value;
  const close = () => {
    justOpened.value = undefined;
    go("/", { replace: true });
  };
  useEffect(() => {
    if (!opened) return;
    const timer = setTimeout(close, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [opened?.visit]);
  if (!opened) return null;
  return (
    <div class="celebration" role="status" onClick={close}>
      <span class="celebration-mark">
        <Icon node={Check} />
      </span>
      <p class="celebration-title">{t("celebration.title")}</p>
      <p>{opened.store_name}</p>
    </div>
  );
}
