//! Owns the one way to ask a server: JSON in and out, problem details as a typed error, idempotency keys.
//! Takes: method, path, body. Emits: the parsed answer. On failure: throws [`ApiError`].
import type { Problem } from "./types.ts";

/** The wire type, as far as an answer holds it: a proxy's own error page has none of it. */
export type Fault = Partial<Problem> & { readonly status: number; readonly retryAfterS?: number };

/** `offline`: nothing reached the server, the same request may be sent again. */
export type Failure = { readonly kind: "offline" } | { readonly kind: "problem"; readonly problem: Fault };

export class ApiError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.kind === "offline" ? "offline" : (failure.problem.title ?? `status ${failure.problem.status}`));
    this.name = "ApiError";
  }
  get status(): number {
    return this.failure.kind === "problem" ? this.failure.problem.status : 0;
  }
  get code(): string {
    return this.failure.kind === "problem" ? (this.failure.problem.code ?? "") : "offline";
  }
}

const TIMEOUT_MS = 10_000;

let skewMs: number | undefined;
/** How far this device's clock runs ahead of the server's, to the second; unknown before the first answer. */
export function clockSkewMs(): number | undefined {
  return skewMs;
}

export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  /** One key per intention of the person: a repeat of the same request is answered, not done twice. */
  readonly idempotencyKey?: string;
  /** Sent although the page is going away. */
  readonly keepalive?: boolean;
}

export async function ask<T>(path: string, { method = "GET", body, idempotencyKey, keepalive = false }: Ask = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json, application/problem+json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (idempotencyKey !== undefined) headers["idempotency-key"] = idempotencyKey;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      keepalive,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError({ kind: "offline" });
  }
  const said = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(said)) skewMs = Date.now() - said;
  if (response.ok) return (response.status === 204 ? undefined : await json(response)) as T;
  throw new ApiError({ kind: "problem", problem: await problem(response) });
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === "" ? undefined : JSON.parse(text);
}

async function problem(response: Response): Promise<Fault> {
  const retry = Number(response.headers.get("retry-after"));
  const added = retry > 0 ? { retryAfterS: retry } : {};
  try {
    return { ...((await response.json()) as Partial<Problem>), ...added, status: response.status };
  } catch {
    return { status: response.status, ...added };
  }
}

export function newKey(): string {
  // randomUUID needs a secure context; a phone on the store's own network may have none.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
