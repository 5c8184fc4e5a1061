/**
 * Who asks: the bearer token of a request, looked up by its hash, and the roles a route lets in.
 */
import type { onRequestHookHandler } from 'fastify';
import type { TokenRole } from '../client/api-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { TokenRecord, TokenStore } from '../store/token-store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route that asks for a role. */
    token: TokenRecord | null;
  }
}

export interface DoorDeps {
  tokens: TokenStore;
  clock: Clock;
}

/** Before the body is read: 401 without a known token, 403 with one of another role. */
export function requireRole(roles: readonly TokenRole[], { tokens, clock }: DoorDeps): onRequestHookHandler {
  return async (request) => {
    const token = /^Bearer ([\w-]{1,256})$/i.exec(request.headers.authorization ?? '')?.[1];
    const record = token === undefined ? undefined : tokens.find(token, clock.now());
    if (!record) throw new TrackerError('UNAUTHORIZED');
    if (!roles.includes(record.role)) {
      throw new TrackerError('FORBIDDEN', `it is for the role ${record.role}, this is for ${roles.join(' or ')}`);
    }
    request.token = record;
  };
}
