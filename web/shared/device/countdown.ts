//! Owns a ring that empties until an instant, and a call when it is empty. Takes: begin, end, a clock.
//! On failure: an end that has passed is empty at once.
const AROUND = 2 * Math.PI * 20;
const SVG = "http://www.w3.org/2000/svg";

export interface Countdown {
  readonly element: SVGSVGElement;
  stop(): void;
}

/** Drawn in whole seconds: a hand that hurries makes people hurry. */
export function countdown(untilMs: number, now: () => number, over: () => void): Countdown {
  const element = document.createElementNS(SVG, "svg");
  element.setAttribute("viewBox", "0 0 48 48");
  element.setAttribute("class", "ring");
  element.setAttribute("aria-hidden", "true");
  const [track, hand] = ["track", "hand"].map((name) => {
    const circle = document.createElementNS(SVG, "circle");
    for (const [key, value] of Object.entries({ class: name, cx: 24, cy: 24, r: 20 })) circle.setAttribute(key, String(value));
    element.append(circle);
    return circle;
  }) as [SVGCircleElement, SVGCircleElement];
  track.setAttribute("stroke-dasharray", String(AROUND));
  hand.setAttribute("stroke-dasharray", String(AROUND));
  const text = document.createElementNS(SVG, "text");
  text.setAttribute("x", "24");
  text.setAttribute("y", "25");
  element.append(text);

  const whole = Math.max(1, untilMs - now());
  let timer: ReturnType<typeof setInterval> | undefined;
  const draw = () => {
    const left = Math.max(0, untilMs - now());
    hand.setAttribute("stroke-dashoffset", String(AROUND * (1 - left / whole)));
    text.textContent = String(Math.ceil(left / 1000));
    if (left > 0) return;
    clearInterval(timer);
    over();
  };
  timer = setInterval(draw, 250);
  draw();
  return { element, stop: () => clearInterval(timer) };
}
