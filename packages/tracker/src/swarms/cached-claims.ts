/**
 * What connected agents say they hold of blobs the tracker knows nothing about yet.
 * When such a blob gets a swarm, they are its first members. Kept in memory, a session long.
 */

export interface Claim {
  size: number;
  pieces: number;
  complete: boolean;
}

export interface CachedClaims {
  put(digest: string, peerId: string, claim: Claim): void;
  /** Claims for a blob; they are gone afterwards. */
  take(digest: string): [peerId: string, claim: Claim][];
  drop(peerId: string): void;
}

export function createCachedClaims(): CachedClaims {
  const byDigest = new Map<string, Map<string, Claim>>();
  return {
    put(digest, peerId, claim) {
      const claims = byDigest.get(digest) ?? new Map<string, Claim>();
      byDigest.set(digest, claims.set(peerId, claim));
    },
    take(digest) {
      const claims = byDigest.get(digest);
      byDigest.delete(digest);
      return claims ? [...claims] : [];
    },
    drop(peerId) {
      for (const [digest, claims] of byDigest) {
        if (claims.delete(peerId) && claims.size === 0) byDigest.delete(digest);
      }
    },
  };
}
