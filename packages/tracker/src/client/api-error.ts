/**
 * The one error of the tracker's client: what the tracker answered, or that it did not answer.
 */
import type { SessionError } from './shapes.ts';

export class TrackerApiError extends Error {
  readonly code: string;
  readonly text: string;
  /** The HTTP status, 0 when no answer came. */
  readonly status: number;
  readonly retryable: boolean;

  constructor(error: SessionError, status: number, options?: { cause?: unknown }) {
    super(error.text, options);
    this.name = 'TrackerApiError';
    this.code = error.code;
    this.text = error.text;
    this.status = status;
    this.retryable = error.retryable;
  }
}
