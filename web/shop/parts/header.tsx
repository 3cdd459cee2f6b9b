//! Owns the head of a page: one heading, what stands beside it.
import type { ComponentChildren } from "preact";

export function Head({ title, children, above }: { title: string; children?: ComponentChildren; above?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        {above ? <p class="quiet small">{above}</p> : null}
        <h1>{title}</h1>
      </div>
      {children}
    </header>
  );
}
