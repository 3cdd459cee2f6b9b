//! Owns the store plan: zones with what is counted in them, screens and displays as marks.
//! Takes: rectangles in plan units, counts or "too few to say". Emits: the id of a pressed zone or mark.
import { Monitor, Nfc } from "lucide";
import { h } from "preact";

export interface PlanZone {
  readonly id: string;
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** `undefined`: fewer people than may be shown. */
  readonly count: number | undefined;
}
export interface PlanMarker {
  readonly id: string;
  readonly name: string;
  readonly kind: "screen" | "nfc";
  readonly x: number;
  readonly y: number;
  readonly off: boolean;
}

/** So many people make a zone as full as the colour can say. */
const FULL = 24;

export function Plan({ title, width, height, zones, markers, open, fewText, onZone, onMarker }: { title: string; width: number; height: number; zones: readonly PlanZone[]; markers: readonly PlanMarker[]; open?: string | undefined; fewText: string; onZone?: (id: string) => void; onMarker?: (id: string) => void }) {
  const press = (run: (() => void) | undefined) => (run ? { tabIndex: 0, role: "button" as const, onClick: run, onKeyDown: (event: KeyboardEvent) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), run()) } : {});
  return (
    <svg class="plan" viewBox={`0 0 ${width} ${height}`} role="group" aria-label={title}>
      <rect class="floor" x="1" y="1" width={width - 2} height={height - 2} rx="12" />
      {zones.map((zone) => (
        <g key={zone.id} class="zone" data-open={open === zone.id ? "" : undefined} style={{ "--heat": String(Math.min(1, (zone.count ?? 0) / FULL)) }} {...press(onZone && (() => onZone(zone.id)))}>
          <rect x={zone.x} y={zone.y} width={zone.width} height={zone.height} rx="6" />
          <text class="name" x={zone.x + 14} y={zone.y + 30}>
            {zone.name}
          </text>
          {zone.count === undefined ? (
            <text class="hidden-count" x={zone.x + 14} y={zone.y + 56}>
              {fewText}
            </text>
          ) : (
            <text class="count" x={zone.x + 14} y={zone.y + 68}>
              {zone.count}
            </text>
          )}
        </g>
      ))}
      {markers.map((marker) => (
        <g key={marker.id} class={`marker ${marker.off ? "off" : ""}`} aria-label={marker.name} role="img" {...press(onMarker && (() => onMarker(marker.id)))}>
          <circle cx={marker.x} cy={marker.y} r="18" />
          <svg class="icon" x={marker.x - 10} y={marker.y - 10} width="20" height="20" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
            {(marker.kind === "screen" ? Monitor : Nfc).map(([tag, attributes]) => h(tag, attributes as Record<string, string>))}
          </svg>
        </g>
      ))}
    </svg>
  );
}
