/**
 * Decides what an answer other than success means: which error, in whose words, and what the operator can do.
 * Does not decide whether it is tried again beyond marking it so.
 */
import { RegistryError, type RegistryErrorCode, type RegistryErrorDetails } from './errors.ts';
import { cleanText } from './redact.ts';
import { parseRetryAfterMs } from './retry.ts';
import type { HttpAnswer } from './transport.ts';

const MAX_ERROR_BODY_BYTES = 16 * 1024;

export interface AnswerContext {
  /** What was asked for, as it may be shown: `harbor.example.com/team/a:1`. */
  subject: string;
  kind: 'manifest' | 'blob' | 'token';
  hasCredentials: boolean;
  /** Texts that must not be shown. */
  secrets: Iterable<string>;
  nowMs: number;
}

/** Reads the rest of the answer and turns it into the error to throw. */
export async function errorOfAnswer(answer: HttpAnswer, context: AnswerContext): Promise<RegistryError> {
  const { status } = answer;
  const words = registryWords(await startOfBody(answer), answer.headers['content-type'] ?? '');
  const details: RegistryErrorDetails = { status };
  const registryText = cleanText(words, context.secrets);
  if (registryText !== '') details.registryText = registryText;
  if (status === 429 || status === 503) {
    const retryAfterMs = parseRetryAfterMs(answer.headers['retry-after'], context.nowMs);
    if (retryAfterMs !== undefined) details.retryAfterMs = retryAfterMs;
  }
  const { code, advice, retryable } = meaningOf(status, context);
  if (retryable !== undefined) details.retryable = retryable;
  return new RegistryError(code, `${context.subject}: ${advice}`, details);
}

interface Meaning {
  code: RegistryErrorCode;
  advice: string;
  retryable?: boolean;
}

function meaningOf(status: number, { kind, hasCredentials }: AnswerContext): Meaning {
  if (status === 401) return { code: 'UNAUTHORIZED', advice: loginAdvice(hasCredentials) };
  // 412 is how Harbor says that a project's policy (vulnerabilities, signatures) forbids the pull.
  if (status === 403 || status === 412 || status === 451) {
    const account = hasCredentials ? 'the configured account' : 'anybody without a login';
    return {
      code: 'FORBIDDEN',
      advice: `the registry does not let ${account} read it (${status}). Check the account's rights and the project's policy.`,
    };
  }
  if (status === 404 && kind === 'manifest') {
    return { code: 'UNKNOWN_MANIFEST', advice: 'the registry has no such image (404). Check repository and tag.' };
  }
  if (status === 404 && kind === 'blob') {
    return {
      code: 'UNKNOWN_BLOB',
      advice: 'the registry does not have this blob (404). Push the image again, foreign layers included.',
    };
  }
  if (status === 429) {
    return { code: 'RATE_LIMITED', advice: 'the registry limits our rate (429). Try again later, or log in.' };
  }
  if (status >= 500 || status === 408) {
    return {
      code: 'REGISTRY_FAILED',
      advice: `the registry failed (${status}). Its own log says why; try again later.`,
    };
  }
  return { code: 'BAD_RESPONSE', advice: `unexpected answer ${status}. Is there a registry at this address?` };
}

export function loginAdvice(hasCredentials: boolean): string {
  return hasCredentials
    ? 'the registry refused the configured username and password (401). Correct them, or renew the robot account.'
    : 'the registry wants a login (401). Check the name; if the repository is private, configure username and password.';
}

/** At most 16 KiB of it; what could be read of one that breaks off. */
export async function startOfBody(answer: HttpAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ERROR_BODY_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(chunks).subarray(0, MAX_ERROR_BODY_BYTES).toString('utf8');
}

/** The distribution spec's error list, what token services send, or plain text; web pages are left out. */
function registryWords(body: string, contentType: string): string {
  const parsed = parseObject(body);
  if (parsed === undefined) return contentType.startsWith('text/plain') ? body : '';
  const { errors } = parsed;
  if (Array.isArray(errors)) return errors.map(oneError).filter(Boolean).join('; ');
  for (const key of ['details', 'error_description', 'message', 'error']) {
    const value = parsed[key];
    if (typeof value === 'string') return value;
  }
  return '';
}

function oneError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, message } = error as { code?: unknown; message?: unknown };
  return [code, message].filter((part) => typeof part === 'string' && part !== '').join(': ');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
