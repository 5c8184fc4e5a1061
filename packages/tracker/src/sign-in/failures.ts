/**
 * What the log says of sign-ins that fail. Anybody can make one fail, so what comes from outside is cut and cleaned, and
 * a flood is counted instead of written down.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { type ErrorCode, TrackerError } from '../errors.ts';
import { plainText } from './person.ts';

export interface FailureLog {
  /** Returns the code that the page is told. `hidden`: what was given and is no matter for a log. */
  note(error: unknown, hidden?: string | null): ErrorCode;
}

const MAX_REASON_CHARS = 300;
const WINDOW_MS = 60_000;
const MAX_LINES = 20;

export function createFailureLog(log: Logger, clock: Clock): FailureLog {
  let window = { fromMs: Number.NEGATIVE_INFINITY, lines: 0, more: 0 };
  return {
    note(error, hidden) {
      const { code, message } = failureOf(error);
      const nowMs = clock.uptime();
      if (nowMs - window.fromMs >= WINDOW_MS) {
        if (window.more > 0) log.warn({ more: window.more }, 'more sign-ins failed than the log has');
        window = { fromMs: nowMs, lines: 0, more: 0 };
      }
      if (window.lines++ >= MAX_LINES) window.more++;
      else log.warn({ code, reason: reasonOf(message, hidden) }, 'a person could not sign in');
      return code;
    },
  };
}

function reasonOf(message: string, hidden: string | null | undefined): string {
  return plainText(hidden ? message.replaceAll(hidden, '…') : message).slice(0, MAX_REASON_CHARS);
}

function failureOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof TrackerError) return error;
  const { message, error: refusal, error_description: description, cause } = error as OpenIdError;
  const causes = Array.isArray(cause) ? cause.map(challengeText) : [cause instanceof Error ? cause.message : undefined];
  const isRefused = refusal === 'access_denied';
  return {
    code: isRefused ? 'SIGN_IN_REFUSED' : 'SIGN_IN_FAILED',
    message: [message, refusal, description, ...causes].filter(Boolean).join(': '),
  };
}

/** Of RFC 6749 section 5.2, beside the message in openid-client's errors; a challenge (RFC 6750 section 3) is a cause. */
interface OpenIdError extends Error {
  error?: string;
  error_description?: string;
}

function challengeText({ parameters }: { parameters?: Record<string, string> }): string {
  return [parameters?.error, parameters?.error_description].filter(Boolean).join(': ');
}
