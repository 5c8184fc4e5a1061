/**
 * The one table of this package's errors and the one class that carries them.
 * Decides codes, the HTTP status our own services answer with, and whether trying again later may help.
 * Does not decide how often to retry (retry.ts), nor which answer of a registry means which code (answers.ts).
 */

export const REGISTRY_ERRORS = {
  INVALID_OPTIONS: { text: 'the registry is configured wrongly', httpStatus: 400, retryable: false },
  INVALID_NAME: { text: 'this is no repository name', httpStatus: 400, retryable: false },
  UNKNOWN_MANIFEST: { text: 'there is no such image', httpStatus: 404, retryable: false },
  UNKNOWN_BLOB: { text: 'there is no such blob', httpStatus: 404, retryable: false },
  UNAUTHORIZED: { text: 'the registry refused the login', httpStatus: 502, retryable: false },
  FORBIDDEN: { text: 'the registry does not let this account read it', httpStatus: 502, retryable: false },
  RATE_LIMITED: { text: 'the registry limits the rate of requests', httpStatus: 503, retryable: true },
  REGISTRY_FAILED: { text: 'the registry failed', httpStatus: 502, retryable: true },
  UNREACHABLE: { text: 'the registry does not answer', httpStatus: 502, retryable: true },
  UNTRUSTED: { text: "the registry's certificate is not trusted", httpStatus: 502, retryable: false },
  BAD_RESPONSE: { text: 'the registry answered what no registry should', httpStatus: 502, retryable: false },
  DIGEST_MISMATCH: { text: 'the bytes do not match their digest', httpStatus: 502, retryable: false },
  CUT: { text: 'the connection was cut', httpStatus: 502, retryable: true },
  BAD_ARCHIVE: { text: 'the archive holds no readable image', httpStatus: 400, retryable: false },
  BAD_LAYOUT: { text: 'the folder is no readable OCI image layout', httpStatus: 400, retryable: false },
  ABORTED: { text: 'the work was stopped', httpStatus: 503, retryable: false },
} as const;

export type RegistryErrorCode = keyof typeof REGISTRY_ERRORS;

export interface RegistryErrorDetails {
  /** HTTP status the registry answered with, when it answered. */
  status?: number;
  /** The registry's own words: shortened, without control characters, without our secrets. */
  registryText?: string;
  /** How long the registry asked us to stay away. */
  retryAfterMs?: number;
  /** Overrides the table, where a code covers both kinds. */
  retryable?: boolean;
  cause?: unknown;
}

/** What went wrong with a source of images. The message says what failed and what to do next. */
export class RegistryError extends Error {
  readonly code: RegistryErrorCode;
  readonly retryable: boolean;
  readonly status?: number;
  readonly registryText?: string;
  readonly retryAfterMs?: number;

  constructor(code: RegistryErrorCode, message: string, details: RegistryErrorDetails = {}) {
    const quoted = details.registryText === undefined ? '' : ` The registry said: "${details.registryText}".`;
    super(`${message}${quoted}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RegistryError';
    this.code = code;
    this.retryable = details.retryable ?? REGISTRY_ERRORS[code].retryable;
    this.status = details.status;
    this.registryText = details.registryText;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** Status our own HTTP services answer with for this error. */
  get httpStatus(): number {
    return REGISTRY_ERRORS[this.code].httpStatus;
  }
}

export function abortedError(what: string, cause?: unknown): RegistryError {
  return new RegistryError('ABORTED', `${what}: stopped before it was finished.`, { cause });
}
