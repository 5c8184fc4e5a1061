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
  /** One of no pieces takes back the one before: the blob is gone. */
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
      if (claim.pieces > 0 || claim.complete) claims.set(peerId, claim);
      else claims.delete(peerId);
      if (claims.size > 0) byDigest.set(digest, claims);
      else byDigest.delete(digest);
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
