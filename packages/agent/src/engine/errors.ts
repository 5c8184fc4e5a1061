/**
 * The operating errors of the engine exit, in one table.
 *
 * Decides the code, the HTTP status and whether trying again can help. Does not decide who retries. The engine's own
 * words travel in `engineText` and are quoted in the message, never mixed with ours.
 */

interface ErrorKind {
  text: string;
  status: number;
  retryable: boolean;
}

export const ENGINE_ERRORS = {
  INVALID_ADDRESS: { text: 'the address of the Docker Engine cannot be used', status: 400, retryable: false },
  ENGINE_DOWN: { text: 'the Docker Engine does not answer', status: 503, retryable: true },
  ENGINE_FORBIDDEN: { text: 'the Docker Engine may not be used by this account', status: 403, retryable: false },
  ENGINE_FAILED: { text: 'the Docker Engine answered with an error', status: 502, retryable: true },
  ENGINE_DISK_FULL: { text: 'the disk of the Docker Engine is full', status: 507, retryable: true },
  BAD_RESPONSE: { text: 'the answer is not one of a Docker Engine', status: 502, retryable: false },
  LOAD_REFUSED: { text: 'the Docker Engine refused the image', status: 422, retryable: false },
  IMAGE_MISMATCH: { text: 'the Docker Engine holds another image than the one sent', status: 502, retryable: false },
  INVALID_IMAGE: { text: 'manifest and config are not those of one image', status: 422, retryable: false },
  BLOB_DIGEST_MISMATCH: { text: 'the bytes of a blob do not match its digest', status: 502, retryable: true },
  BLOB_SIZE_MISMATCH: { text: 'a blob is not as long as its descriptor says', status: 502, retryable: true },
  DISK_FULL: { text: 'no space for the archive', status: 507, retryable: true },
  ARCHIVE_FAILED: { text: 'the archive could not be written', status: 500, retryable: true },
  ABORTED: { text: 'the work was cancelled', status: 499, retryable: false },
} as const satisfies Record<string, ErrorKind>;

export type EngineErrorCode = keyof typeof ENGINE_ERRORS;

interface EngineErrorDetails {
  /** The digest the error is about. */
  digest?: string;
  /** What the Docker Engine itself said. */
  engineText?: string;
  /** HTTP status the Docker Engine answered with. */
  status?: number;
  cause?: unknown;
}

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly digest?: string;
  readonly engineText?: string;
  readonly engineStatus?: number;

  /** `detail` says what exactly and what to do next; the table's text comes before it. */
  constructor(code: EngineErrorCode, detail: string, details: EngineErrorDetails = {}) {
    super(`${ENGINE_ERRORS[code].text}: ${detail}`, { cause: details.cause });
    this.name = 'EngineError';
    this.code = code;
    this.status = ENGINE_ERRORS[code].status;
    this.retryable = ENGINE_ERRORS[code].retryable;
    this.digest = details.digest;
    this.engineText = details.engineText;
    this.engineStatus = details.status;
  }
}

/** Throws ABORTED when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new EngineError('ABORTED', 'the signal was given', { cause: signal.reason });
}

/** The system's error code (`ENOENT`, `UND_ERR_SOCKET` …) behind an error, looking through causes and groups. */
export function systemCode(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    const code = (current as { code?: unknown }).code;
    if (typeof code === 'string') return code;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return undefined;
}
