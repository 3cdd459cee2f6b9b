//! Owns what a page says about itself: badge, notice, empty state, skeleton, progress, countdown ring.
import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide";
import type { ComponentChildren } from "preact";
import { Icon, type IconNode } from "./icon.tsx";

export type Tone = "neutral" | "accent" | "success" | "warning" | "danger";

export function Badge({ tone = "neutral", dot = false, icon, children }: { tone?: Tone; dot?: boolean; icon?: IconNode; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone} ${dot ? "dot" : ""}`}>
      {icon ? <Icon node={icon} /> : null}
      {children}
    </span>
  );
}

const NOTICE_ICONS: Record<"accent" | "success" | "warning" | "danger", IconNode> = { accent: Info, success: CircleCheck, warning: TriangleAlert, danger: CircleAlert };

export function Notice({ tone = "accent", title, children, action }: { tone?: "accent" | "success" | "warning" | "danger"; title?: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`} role={tone === "danger" ? "alert" : "status"}>
      <Icon node={NOTICE_ICONS[tone]} />
      <div>
        {title ? <p class="strong">{title}</p> : null}
        {children}
      </div>
      {action ?? null}
    </div>
  );
}

/** Nothing here yet: what this is, and one next step. `page`: it is all that the page holds, so its title is the page's heading. */
export function Empty({ art, title, page = false, children, action }: { art?: string; title: string; page?: boolean; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      {art ? <img src={art} alt="" width="144" height="144" /> : null}
      {page ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children ? <p>{children}</p> : null}
      {action ?? null}
    </div>
  );
}

/** Widths in percent, one per line, so that a skeleton has the shape of what will come. */
export function SkeletonLines({ widths }: { widths: readonly number[] }) {
  return (
    <div aria-hidden="true">
      {widths.map((width, at) => (
        <div key={at} class="skeleton line" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** A sentence of which only a number is not known yet: its shape is that of the sentence, wherever it wraps. */
export function SkeletonText({ text }: { text: string }) {
  return (
    <p aria-hidden="true">
      <span class="skeleton text">{text}</span>
    </p>
  );
}

export function SkeletonBox({ height }: { height: string }) {
  return <div class="skeleton" aria-hidden="true" style={{ height }} />;
}

export function Progress({ label, part }: { label: string; part: number }) {
  return (
    <div class="progress" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)}>
      <span style={{ "--part": String(Math.min(1, Math.max(0, part))) }} />
    </div>
  );
}

/** Time left as a ring; the number in the middle says it too. */
export function Ring({ part, label, size = 48 }: { part: number; label: string; size?: number }) {
  const around = 2 * Math.PI * 20;
  return (
    <svg class="ring" viewBox="0 0 48 48" width={size} height={size} role="img" aria-label={label}>
      <circle class="track" cx="24" cy="24" r="20" />
      <circle class="hand" cx="24" cy="24" r="20" stroke-dasharray={around} stroke-dashoffset={around * (1 - Math.min(1, Math.max(0, part)))} />
    </svg>
  );
}
