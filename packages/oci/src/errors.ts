/**
 * The one table of what can be wrong with OCI data, and the error class that carries it.
 * It says nothing about networks: a registry that cannot be read is `@shoal/registry`'s error.
 */

interface OciErrorRow {
  text: string;
  status: number;
  retryable: boolean;
}

/** `text` is the general sentence for docs and pages; an error's `message` names the case. */
export const OCI_ERRORS = {
  INVALID_DIGEST: { text: 'A digest is not well formed', status: 400, retryable: false },
  INVALID_REFERENCE: { text: 'An image reference is not well formed', status: 400, retryable: false },
  INVALID_MANIFEST: { text: 'A manifest or index is not well formed', status: 502, retryable: false },
  UNSUPPORTED_MANIFEST: { text: 'A manifest is of a kind Shoal does not carry', status: 422, retryable: false },
  INVALID_CONFIG: { text: 'An image config is not well formed', status: 502, retryable: false },
  TOO_LARGE: { text: 'A document is over the size Shoal accepts', status: 422, retryable: false },
  LAYERS_MISMATCH: { text: 'Manifest and image config do not describe the same layers', status: 502, retryable: false },
  CONFIG_MISMATCH: { text: 'The image config is not the one its manifest names', status: 502, retryable: false },
  NO_PLATFORM: { text: 'The image does not exist for the platform of the host', status: 422, retryable: false },
} as const satisfies Record<string, OciErrorRow>;

export type OciErrorCode = keyof typeof OCI_ERRORS;

export class OciError extends Error {
  override readonly name = 'OciError';
  readonly code: OciErrorCode;
  readonly status: number;
  readonly retryable: boolean;

  constructor(code: OciErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = OCI_ERRORS[code].status;
    this.retryable = OCI_ERRORS[code].retryable;
  }
}

/** Foreign text for an error message: quoted, control characters escaped, cut at 120 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
