/**
 * Decides whether and when a failed request is tried again. Reads no clock and waits for nobody itself: time, chance
 * and waiting are handed in.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { abortedError, RegistryError } from './errors.ts';

/** What the outside world does for this package; tests hand in their own. */
export interface RegistryDependencies {
  nowMs(): number;
  /** 0 ≤ x < 1 */
  random(): number;
  /** Rejects when the signal fires. */
  wait(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemDependencies: RegistryDependencies = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  wait: async (delayMs, signal) => {
    await sleep(delayMs, undefined, signal ? { signal } : {});
  },
};

export interface RetryPolicy {
  maxAttempts: number;
  firstRetryDelayMs: number;
  maxRetryDelayMs: number;
  maxRetryAfterMs: number;
}

/**
 * How long to wait after the `failures`-th failure in a row, or undefined to give up.
 * The back-off doubles and is spread over its upper half, so that a fleet does not come back in step.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  error: unknown,
  { failures, random }: { failures: number; random: () => number },
): number | undefined {
  if (!(error instanceof RegistryError) || !error.retryable || failures >= policy.maxAttempts) return undefined;
  if (error.retryAfterMs !== undefined) {
    return error.retryAfterMs <= policy.maxRetryAfterMs ? error.retryAfterMs : undefined;
  }
  const ceilingMs = Math.min(policy.maxRetryDelayMs, policy.firstRetryDelayMs * 2 ** (failures - 1));
  return Math.round(ceilingMs * (0.5 + random() / 2));
}

export async function withRetries<T>(
  attempt: () => Promise<T>,
  { policy, dependencies, signal }: { policy: RetryPolicy; dependencies: RegistryDependencies; signal?: AbortSignal },
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      const delayMs = retryDelayMs(policy, error, { failures, random: dependencies.random });
      if (delayMs === undefined) throw error;
      await waitOrAbort(dependencies, delayMs, signal);
    }
  }
}

export async function waitOrAbort(
  dependencies: RegistryDependencies,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await dependencies.wait(delayMs, signal);
  } catch (cause) {
    throw abortedError('waiting for the registry', cause);
  }
  if (signal?.aborted) throw abortedError('waiting for the registry', signal.reason);
}

/** `Retry-After` in either form (RFC 9110 §10.2.3): whole seconds or an HTTP date. Undefined when it is neither. */
export function parseRetryAfterMs(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  if (/^\d{1,10}$/.test(trimmed)) return Number(trimmed) * 1000;
  // Date.parse takes almost anything: insist on the shape of an HTTP date.
  if (!/^[A-Z][a-z]+,? /.test(trimmed)) return undefined;
  const atMs = Date.parse(trimmed);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
