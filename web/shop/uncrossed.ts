//! Owns the order between answers and events: an answer that was asked for before an event may be older than the event.
//! Takes: a request, how many events were heard so far. Emits: an answer that no event has crossed.
//! On failure: the request's own error; where events do not cease, no answer at all, for the events are the news then.

/** A check-in brings a handful of events within a moment; this outlasts it. */
const ASKED_MAX = 5;

export async function uncrossed<T>(request: () => Promise<T>, heard: () => number): Promise<T | undefined> {
  for (let asked = 0; asked < ASKED_MAX; asked += 1) {
    const before = heard();
    const answer = await request();
    if (heard() === before) return answer;
  }
  return undefined;
}
