/**
 * The tracker's API with the token a person signed in with. It stands in a header and in this tab's session storage,
 * never in an address.
 */
import type { ErrorBody } from '@shoal/tracker/client';
import { createSseReader } from './sse.ts';

const TOKEN_KEY = 'shoal.token';
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 10_000;

export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, text: string, status: number) {
    super(text);
    this.code = code;
    this.status = status;
  }
}

let whenRefused = () => {};

/** Runs when the tracker does not take the token any more. */
export function onRefused(run: () => void): void {
  whenRefused = run;
}

export const session = {
  token: () => sessionStorage.getItem(TOKEN_KEY) ?? undefined,
  keep: (token: string) => sessionStorage.setItem(TOKEN_KEY, token),
  forget: () => sessionStorage.removeItem(TOKEN_KEY),
};

/** Throws ApiError; UNREACHABLE when nobody answers. */
export async function call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const response = await ask(path, { method, body });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** One that is given up when nobody wants it any more: a browser asks six things at a time, the rest wait. */
export async function look<T>(path: string, signal: AbortSignal): Promise<T> {
  return (await (await ask(path, { signal })).json()) as T;
}

/** A part of a long list, and how long it is in all. */
export async function lookPart<T>(path: string, signal: AbortSignal): Promise<{ total: number; part: T[] }> {
  const response = await ask(path, { signal });
  return { total: Number(response.headers.get('x-total-count')), part: (await response.json()) as T[] };
}

/** Where the answer is not wanted: of a job it names every host. Throws ApiError. */
export async function tell(path: string): Promise<void> {
  const response = await ask(path, { method: 'POST' });
  await response.body?.cancel();
}

interface Ask {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
}

async function ask(path: string, { method = 'GET', body, signal }: Ask): Promise<Response> {
  const token = session.token();
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body: JSON.stringify(body), signal, cache: 'no-store' });
  } catch (cause) {
    throw signal?.aborted ? cause : new ApiError('UNREACHABLE', String(cause), 0);
  }
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as ErrorBody | undefined;
  if (response.status === 401) whenRefused();
  throw new ApiError(answer?.error.code ?? 'ERROR', answer?.error.text ?? response.statusText, response.status);
}

export interface Follow<T> {
  on(data: T): void;
  /** Whether it is connected now. */
  state?(live: boolean): void;
  /** It is not let in, or there is no such thing: nothing is tried again. */
  refused?(error: ApiError): void;
  /** Whether this was all, and a stream that ends is not opened again. */
  isLast?(data: T): boolean;
}

/** Reads a stream, again after every cut. Returns how to end it. */
export function follow<T>(path: string, { on, state, refused, isLast }: Follow<T>): () => void {
  const abort = new AbortController();
  const read = async (): Promise<boolean> => {
    const response = await ask(path, { signal: abort.signal });
    state?.(true);
    const events = createSseReader();
    let last = false;
    for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      for (const { data } of events(chunk)) {
        const value = JSON.parse(data) as T;
        on(value);
        last = isLast?.(value) ?? false;
      }
    }
    return last;
  };
  const run = async (): Promise<void> => {
    let delayMs = FIRST_RETRY_MS;
    while (!abort.signal.aborted) {
      const openedAt = performance.now();
      try {
        if (await read()) return;
      } catch (error) {
        if (error instanceof ApiError && error.status >= 400 && error.status < 500) return refused?.(error);
      }
      if (abort.signal.aborted) return;
      state?.(false);
      delayMs = performance.now() - openedAt > MAX_RETRY_MS ? FIRST_RETRY_MS : Math.min(MAX_RETRY_MS, delayMs * 2);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  };
  void run();
  return () => abort.abort();
}
