/** The HTTP face of the token that asks: what it is for, and its end. */
import type { FastifyInstance } from 'fastify';
import { ownTokenSchema } from '../client/sign-in-schemas.ts';
import { TrackerError } from '../errors.ts';
import { type TokenStore, viewOfToken } from '../store/token-store.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface OwnTokenRouteDeps {
  tokens: TokenStore;
  guards: Guards;
}

export function addOwnTokenRoutes(app: FastifyInstance, { tokens, guards }: OwnTokenRouteDeps): void {
  app.get(
    '/v1/token',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'What the token that asks is for', answers: { 200: ownTokenSchema } }),
    },
    async ({ token }) => token && viewOfToken(token),
  );
  app.delete(
    '/v1/token',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Sign out: the token that a sign-in at an identity provider made is good no more',
        answers: { 204: null },
      }),
    },
    async ({ token }, reply) => {
      if (!token || token.expiresAtMs === null) throw new TrackerError('STANDING_TOKEN');
      tokens.revoke(token.id);
      return reply.code(204).send();
    },
  );
}
