//! Owns the button, and the small button that is only an icon with a name.
import { LoaderCircle } from "lucide";
import type { ComponentChildren } from "preact";
import { Icon, type IconNode } from "./icon.tsx";

interface ButtonProperties {
  readonly children: ComponentChildren;
  readonly kind?: "primary" | "danger" | "plain" | "normal";
  readonly icon?: IconNode;
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly wide?: boolean;
  readonly large?: boolean;
  readonly submit?: boolean;
  readonly href?: string;
  readonly onPress?: () => void;
}

/** Stays focusable while busy: a disabled button would drop the keyboard's place. */
export function Button({ children, kind = "normal", icon, busy = false, disabled = false, wide = false, large = false, submit = false, href, onPress }: ButtonProperties) {
  const names = ["button", kind === "normal" ? "" : kind, wide ? "wide" : "", large ? "large" : ""].join(" ");
  const content = (
    <>
      {busy ? <Icon node={LoaderCircle} /> : icon ? <Icon node={icon} /> : null}
      <span>{children}</span>
    </>
  );
  if (href !== undefined) {
    return (
      <a class={names} href={href}>
        {content}
      </a>
    );
  }
  return (
    <button
      class={names}
      type={submit ? "submit" : "button"}
      aria-busy={busy}
      aria-disabled={busy || disabled}
      onClick={(event) => {
        if (busy || disabled) event.preventDefault();
        else onPress?.();
      }}
    >
      {content}
    </button>
  );
}

export function IconButton({ icon, label, onPress, pressed }: { icon: IconNode; label: string; onPress: () => void; pressed?: boolean }) {
  return (
    <button class="button icon-only" type="button" aria-label={label} title={label} aria-pressed={pressed} onClick={onPress}>
      <Icon node={icon} />
    </button>
  );
}
