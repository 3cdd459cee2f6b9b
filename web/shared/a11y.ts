//! Owns small helpers of accessibility: focus after a change of view, motion preference.
export function focusHeading(root: ParentNode = document): void {
  const heading = root.querySelector<HTMLElement>("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

export function stillWanted(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
