//! Owns short messages that leave by themselves, with at most one action (undo). At most three at a time.
import { signal } from "@preact/signals";

interface Toast {
  readonly key: number;
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}
const SHOWN_MAX = 3;
/** Long enough to read and reach the button; pausing is not needed because each action is also elsewhere. */
const LIFE_MS = 6_000;

const toasts = signal<readonly Toast[]>([]);
let next = 0;

export function toast(text: string, action?: { label: string; run: () => void }): void {
  const made: Toast = { key: next++, text, ...(action ? { action } : {}) };
  toasts.value = [...toasts.value, made].slice(-SHOWN_MAX);
  setTimeout(() => drop(made.key), LIFE_MS);
}

const drop = (key: number) => {
  toasts.value = toasts.value.filter((toast) => toast.key !== key);
};

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ key, text, action }) => (
        <div class={action ? "toast" : "toast text-only"} key={key}>
          <span>{text}</span>
          {action ? (
            <button
              class="button"
              type="button"
              onClick={() => {
                drop(key);
                action.run();
              }}
            >
              {action.label}
            </button>
          ) : null}
        </div>
      ))}
    </div>
  );
}
