//! Owns how an icon is drawn: decoration only, the words beside it carry the meaning.
import type { IconNode } from "lucide";
import { h } from "preact";

export type { IconNode };

export function Icon({ node, class: extra = "" }: { node: IconNode; class?: string }) {
  return (
    <svg class={`icon ${extra}`} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {node.map(([tag, attributes]) => h(tag, attributes as Record<string, string>))}
    </svg>
  );
}
