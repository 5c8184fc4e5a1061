/**
 * Which client may read which blob: as the registry has said to that client's own credentials, a minute ago at most.
 * What a token claims of its scope proves nothing; when it ends is believed.
 */
import { createHash } from 'node:crypto';

export interface Claim {
  host: string;
  repository: string;
  digest: string;
  /** The client's own; undefined: it sent none. */
  authorization: string | undefined;
}

export interface Rights {
  /** The registry has let this client read the blob. */
  confirm(claim: Claim): void;
  isConfirmed(claim: Claim): boolean;
}

const REMEMBERED_MS = 60_000;
const MOST = 10_000;

/** `nowMs`: since the epoch. */
export function createRights(nowMs: () => number): Rights {
  /** Until when, in the order of the confirmations. */
  const known = new Map<string, number>();
  return {
    confirm(claim) {
      const key = keyOf(claim);
      known.delete(key);
      known.set(key, Math.min(nowMs() + REMEMBERED_MS, endOf(claim.authorization)));
      const [oldest] = known.keys();
      if (known.size > MOST && oldest !== undefined) known.delete(oldest);
    },
    isConfirmed: (claim) => (known.get(keyOf(claim)) ?? 0) > nowMs(),
  };
}

/** No credentials are kept in memory. */
function keyOf({ host, repository, digest, authorization = '' }: Claim): string {
  return createHash('sha256')
    .update(JSON.stringify([host, repository, digest, authorization]))
    .digest('base64');
}

/** When a bearer token ends, if it is a JWT that says so. */
function endOf(authorization: string | undefined): number {
  const payload = /^Bearer [^.]+\.([^.]+)\./i.exec(authorization ?? '')?.[1];
  if (payload === undefined) return Number.POSITIVE_INFINITY;
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
