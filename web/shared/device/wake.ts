//! Owns keeping a kiosk's display on, where the browser allows a page to ask. On failure: the display may sleep.
export function keepAwake(): void {
  const request = () => {
    if (document.visibilityState === "visible") navigator.wakeLock?.request("screen").catch(() => undefined);
  };
  document.addEventListener("visibilitychange", request);
  request();
}
