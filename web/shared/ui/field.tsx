//! Owns what a person fills in: one label, one help line, one error, tied together for screen readers.
import { ChevronDown, CircleAlert } from "lucide";
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./icon.tsx";

interface Common {
  readonly label: string;
  readonly help?: string | undefined;
  readonly error?: string | undefined;
}

function Frame({ label, help, error, id, children }: Common & { id: string; children: ComponentChildren }) {
  return (
    <div class="field" data-invalid={error ? "" : undefined}>
      <label for={id}>{label}</label>
      {help ? (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      ) : null}
      {children}
      {error ? (
        <p class="error" id={`${id}-error`} role="alert">
          <Icon node={CircleAlert} />
          {error}
        </p>
      ) : null}
    </div>
  );
}

const described = (id: string, { help, error }: Common) => [help ? `${id}-help` : "", error ? `${id}-error` : ""].join(" ").trim() || undefined;

interface TextProperties extends Common {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: "text" | "email" | "number" | "datetime-local" | "search";
  readonly inputMode?: "text" | "numeric" | "email" | "decimal" | "search";
  readonly autoComplete?: string;
  readonly maxLength?: number;
  readonly code?: boolean;
  readonly name?: string;
  readonly placeholder?: string;
}

export function TextField(properties: TextProperties) {
  const id = useId();
  const { label, help, error, value, onInput, type = "text", inputMode, autoComplete = "off", maxLength, code = false, name, placeholder } = properties;
  // The JSX types want the kind of field as a literal; here it is an argument.
  const attributes = { type, name, inputMode, autoComplete, maxLength, placeholder } as JSX.IntrinsicElements["input"];
  return (
    <Frame label={label} help={help} error={error} id={id}>
      <input
        {...attributes}
        id={id}
        class={code ? "input code num" : "input"}
        value={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, properties)}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Frame>
  );
}

export function TextArea(properties: Common & { value: string; onInput: (value: string) => void; maxLength?: number; rows?: number }) {
  const id = useId();
  const { label, help, error, value, onInput, maxLength, rows = 2 } = properties;
  return (
    <Frame label={label} help={help} error={error} id={id}>
      <textarea
        id={id}
        class="input"
        rows={rows}
        maxLength={maxLength}
        value={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, properties)}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Frame>
  );
}

export function Select(properties: Common & { value: string; options: readonly { value: string; label: string }[]; onChange: (value: string) => void; hideLabel?: boolean }) {
  const id = useId();
  const { label, help, error, value, options, onChange, hideLabel = false } = properties;
  const control = (
    <div class="select">
      <select
        id={id}
        class="input"
        value={value}
        aria-label={hideLabel ? label : undefined}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, properties)}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <Icon node={ChevronDown} />
    </div>
  );
  if (hideLabel) return control;
  return (
    <Frame label={label} help={help} error={error} id={id}>
      {control}
    </Frame>
  );
}

export function Switch({ label, help, checked, disabled = false, onChange }: { label: string; help?: string | undefined; checked: boolean; disabled?: boolean; onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <label class="switch" for={id}>
      <span class="strong">{label}</span>
      <input id={id} type="checkbox" role="switch" checked={checked} disabled={disabled} aria-describedby={help ? `${id}-help` : undefined} onChange={(event) => onChange(event.currentTarget.checked)} />
      {help ? (
        <span class="help" id={`${id}-help`}>
          {help}
        </span>
      ) : null}
    </label>
  );
}

/** A few alternatives, all visible, one pressed. */
export function Choices<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly { value: T; label: string }[]; onChange: (value: T) => void }) {
  return (
    <div class="choices" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </div>
  );
}
