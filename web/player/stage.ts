//! Owns the layout on the glass: zones in design pixels placed in parts of the screen, whatever its size or turn.
//! Takes: a layout. Emits: one element per zone. On failure: a layout that does not fit is drawn as far as it goes.
import type { Layout, LayoutZone } from "../shared/types.ts";

export function sameLayout(a: Layout | undefined, b: Layout): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

/**
 * A main zone that fills its design fills every screen; other layouts keep their proportions and are centred.
 * Lengths are percent, so 4K and 1080p are the same picture.
 */
export function buildStage(root: HTMLElement, layout: Layout): Map<string, HTMLElement> {
  root.replaceChildren();
  const stage = document.createElement("div");
  stage.className = "stage";
  const single = layout.zones.length === 1;
  stage.classList.toggle("fill", single);
  stage.style.setProperty("--width", String(layout.width));
  stage.style.setProperty("--height", String(layout.height));
  const elements = new Map<string, HTMLElement>();
  for (const zone of layout.zones) {
    const element = document.createElement("section");
    element.className = "zone";
    element.dataset["zone"] = zone.id;
    place(element, zone, layout);
    stage.append(element);
    elements.set(zone.id, element);
  }
  root.append(stage);
  return elements;
}

function place(element: HTMLElement, zone: LayoutZone, layout: Layout): void {
  const percent = (part: number, whole: number) => `${(part / whole) * 100}%`;
  element.style.left = percent(zone.x, layout.width);
  element.style.top = percent(zone.y, layout.height);
  element.style.width = percent(zone.w, layout.width);
  element.style.height = percent(zone.h, layout.height);
}
