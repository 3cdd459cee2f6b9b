//! Owns a QR code on a device's page, beside it always the mark for NFC. Takes: the address. Emits: an element.
//! On failure: an address that no code can hold leaves the mark alone.
import { Nfc } from "lucide";
import { qrPath } from "../qr.ts";

const SVG = "http://www.w3.org/2000/svg";

export function codeElement(url: string, label: string): HTMLElement {
  const box = document.createElement("figure");
  box.className = "code";
  const code = qrPath(url);
  if (code) {
    const svg = document.createElementNS(SVG, "svg");
    for (const [key, value] of Object.entries({ viewBox: `0 0 ${code.size} ${code.size}`, class: "qr", role: "img", "aria-label": label, "shape-rendering": "crispEdges" })) svg.setAttribute(key, value);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", code.path);
    svg.append(path);
    box.append(svg);
  }
  box.dataset["url"] = url;
  return box;
}

export function nfcMark(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "nfc-mark", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) svg.setAttribute(key, value);
  for (const [tag, attributes] of Nfc) {
    const part = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, String(value));
    svg.append(part);
  }
  return svg;
}
