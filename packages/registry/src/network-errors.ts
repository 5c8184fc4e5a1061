/**
 * Decides what a failure below HTTP means: refused, timed out, not trusted, cut, or stopped by ourselves.
 * Does not decide whether it is tried again.
 */
import { abortedError, RegistryError } from './errors.ts';
import { showUrl } from './redact.ts';

const CERTIFICATE_CODES = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const TIMEOUT_CODES = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'ETIMEDOUT']);

export interface NetworkContext {
  url: URL;
  /** Whether the answer's headers had come. */
  phase: 'request' | 'body';
  signal?: AbortSignal | undefined;
}

export function networkError(cause: unknown, { url, phase, signal }: NetworkContext): RegistryError {
  if (cause instanceof RegistryError) return cause;
  const where = showUrl(url);
  const code = codeOf(cause);
  if (signal?.aborted || code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED' || code === 'UND_ERR_ABORTED') {
    return abortedError(where, cause);
  }
  if (phase === 'body') {
    const how = code === 'UND_ERR_BODY_TIMEOUT' ? 'fell silent' : `was cut (${code})`;
    return new RegistryError(
      'CUT',
      `${where}: the connection ${how} in the middle of the answer. Try again: what came is kept.`,
      { cause },
    );
  }
  if (CERTIFICATE_CODES.has(code)) {
    return new RegistryError(
      'UNTRUSTED',
      `${where}: the certificate is not trusted (${code}). Configure the registry's CA, or correct its certificate.`,
      { cause },
    );
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('HPE_') || code === 'HTTPParserError') {
    const other = url.protocol === 'https:' ? 'http://' : 'https://';
    return new RegistryError(
      'UNREACHABLE',
      `${where}: what answers there does not speak ${url.protocol.slice(0, -1)} (${code}). Is it an ${other} registry?`,
      { cause, retryable: false },
    );
  }
  const what = TIMEOUT_CODES.has(code) ? 'no answer in time' : 'no connection';
  return new RegistryError(
    'UNREACHABLE',
    `${where}: ${what} (${code}). Check that the registry is up and that this machine may reach it.`,
    { cause },
  );
}

/** The code of an error, or of the first error inside it that has one. */
function codeOf(cause: unknown): string {
  for (let error = cause, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth += 1) {
    if ('code' in error && typeof error.code === 'string') return error.code;
  }
  return cause instanceof Error ? cause.name : 'unknown';
}
