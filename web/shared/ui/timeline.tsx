//! Owns a list of what happened, newest first; new entries fade in, focus and scroll stay.
import type { ComponentChildren } from "preact";
import type { Tone } from "./feedback.tsx";
import { Icon, type IconNode } from "./icon.tsx";

export interface Entry {
  readonly key: string;
  readonly icon: IconNode;
  readonly tone?: Tone;
  readonly time: string;
  readonly dateTime: string;
  readonly body: ComponentChildren;
  readonly fresh?: boolean;
}

export function Timeline({ label, entries }: { label: string; entries: readonly Entry[] }) {
  return (
    <ol class="timeline" aria-label={label}>
      {entries.map((entry) => (
        <li key={entry.key} class={entry.fresh ? "new" : undefined}>
          <span class={`mark ${entry.tone ?? "neutral"}`}>
            <Icon node={entry.icon} />
          </span>
          <div>
            {entry.body}
            <time class="small quiet num" dateTime={entry.dateTime}>
              {entry.time}
            </time>
          </div>
        </li>
      ))}
    </ol>
  );
}
