/**
 * Which client may read which blob: as the registry has said to that client's own credentials, a minute ago at most.
 * What a token claims of its scope proves nothing; when it ends is believed. While the registry is away its last yes
 * may count for longer, if the operator wants that.
 */
import { createHash } from 'node:crypto';

export interface Claim {
  host: string;
  repository: string;
  /** Of a blob or manifest; of a tag what it is called. */
  digest: string;
  /** The client's own; undefined: it sent none. */
  authorization: string | undefined;
}

export interface Rights {
  /** The registry has let this client read the blob. */
  confirm(claim: Claim): void;
  isConfirmed(claim: Claim): boolean;
  /** It was so lately enough for as long as the registry cannot be asked. */
  isTrusted(claim: Claim): boolean;
}

const REMEMBERED_MS = 60_000;
const MOST = 10_000;

/** `nowMs`: since the epoch; `trustMs`: how long the registry's yes counts while it is away, 0: not at all. */
export function createRights(nowMs: () => number, trustMs = 0): Rights {
  /** In the order of the confirmations. */
  const known = new Map<string, { atMs: number; untilMs: number }>();
  return {
    confirm(claim) {
      const key = keyOf(claim);
      known.delete(key);
      const atMs = nowMs();
      known.set(key, { atMs, untilMs: Math.min(atMs + REMEMBERED_MS, endOf(claim.authorization)) });
      const [oldest] = known.keys();
      if (known.size > MOST && oldest !== undefined) known.delete(oldest);
    },
    isConfirmed: (claim) => (known.get(keyOf(claim))?.untilMs ?? 0) > nowMs(),
    isTrusted: (claim) => (known.get(keyOf(claim))?.atMs ?? Number.NEGATIVE_INFINITY) + trustMs > nowMs(),
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
