//! Owns the three ends of a request for a page: waiting, there, failed, with a way to try again.
//! Takes: what to ask and when to ask anew. Emits: a value to switch on. On failure: keeps the last good answer beside the error.
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api.ts";

export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly again: () => void;
  readonly set: (data: T) => void;
}

export function useLoaded<T>(run: () => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const [data, set] = useState<T>();
  const [error, setError] = useState<ApiError>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    run().then(
      (answer) => {
        if (!current) return;
        set(answer);
        setError(undefined);
      },
      (failure: unknown) => {
        if (!current) return;
        if (!(failure instanceof ApiError)) throw failure;
        setError(failure);
      },
    );
    return () => {
      current = false;
    };
  }, [...keys, round]);
  return { data, error, again: () => setRound((last) => last + 1), set };
}
