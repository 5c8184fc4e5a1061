/** The operating errors of the agent, in one table; and how any error is said to the tracker. */
import type { SessionError } from '@shoal/tracker/client';

interface ErrorKind {
  text: string;
  status: number;
  retryable: boolean;
}

export const AGENT_ERRORS = {
  INVALID_OPTIONS: { text: 'the agent cannot start with these settings', status: 400, retryable: false },
  DISK_FULL: { text: 'the disk of the blob store is full', status: 507, retryable: true },
  STORE_FAILED: { text: 'the blob store cannot be read or written', status: 500, retryable: true },
  STORE_BUSY: { text: 'the blob store belongs to another running agent', status: 409, retryable: false },
  BLOB_CONFLICT: { text: 'the blob is known with another size or piece length', status: 409, retryable: false },
  DIGEST_MISMATCH: { text: 'the registry holds wrong bytes under this digest', status: 502, retryable: false },
  NO_SOURCE: { text: 'this seeder cannot read that registry', status: 500, retryable: false },
  REFUSED: { text: 'the tracker refused this agent', status: 403, retryable: false },
  INVALID_JOB: { text: 'the tracker sent a job whose bytes do not match their digests', status: 502, retryable: false },
  PORT_IN_USE: { text: 'the port is taken', status: 409, retryable: false },
  ABORTED: { text: 'the work was cancelled', status: 499, retryable: false },
  INTERNAL: { text: 'something unexpected went wrong', status: 500, retryable: true },
} as const satisfies Record<string, ErrorKind>;

export type AgentErrorCode = keyof typeof AGENT_ERRORS;

export class AgentError extends Error {
  readonly code: AgentErrorCode;
  readonly status: number;
  readonly retryable: boolean;

  /** `detail` says what exactly and what to do next. */
  constructor(code: AgentErrorCode, detail: string, options: { cause?: unknown } = {}) {
    super(`${AGENT_ERRORS[code].text}: ${detail}`, options);
    this.name = 'AgentError';
    this.code = code;
    this.status = AGENT_ERRORS[code].status;
    this.retryable = AGENT_ERRORS[code].retryable;
  }
}

/** Any error as the tracker and an operator see it. Our own error classes carry a code from their table. */
export function toSessionError(error: unknown): SessionError {
  if (!(error instanceof Error)) return { code: 'INTERNAL', text: String(error), retryable: true };
  const { code, retryable } = error as { code?: unknown; retryable?: unknown };
  const known = typeof code === 'string' && typeof retryable === 'boolean';
  return { code: known ? code : 'INTERNAL', text: error.message, retryable: known ? retryable : true };
}

/** A server's error as it began to listen: a taken port is said with the key that names another. */
export function toPortError(error: unknown, { host, port }: { host: string; port: number }, key: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return error;
  return new AgentError('PORT_IN_USE', `${host}:${port}; set ${key} to a free one`);
}

/** A file system's error in our words: a full disk is named as such. */
export function toStoreError(error: unknown, path: string): AgentError {
  if (error instanceof AgentError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AgentError('DISK_FULL', `${path}; free space and run the job again, what is verified is kept`, {
      cause: error,
    });
  return new AgentError('STORE_FAILED', `${path} (${code}); see that the folder exists and may be written`, {
    cause: error,
  });
}
