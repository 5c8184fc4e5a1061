/**
 * The HTTP face of everything but jobs: health, hosts, status, tokens.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  hostViewSchema,
  newTokenSchema,
  type StatusView,
  statusViewSchema,
  type TokenRequest,
  tokenRequestSchema,
  tokenViewSchema,
} from '../client/api-schemas.ts';
import { type HostQueryText, hostQuerySchema, TOTAL_HEADER } from '../client/host-schemas.ts';
import type { Clock } from '../clock.ts';
import { sessionError, TrackerError } from '../errors.ts';
import { createHostList } from '../fleet/host-list.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { ShareDesk } from '../policy/share-desk.ts';
import { type AgentRoster, viewOfAgent } from '../session/agent-roster.ts';
import type { Presence } from '../session/presence.ts';
import { type TokenStore, viewOfToken } from '../store/token-store.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface FleetRouteDeps {
  jobs: Jobs;
  roster: AgentRoster;
  presence: Presence;
  shares: ShareDesk;
  tokens: TokenStore;
  guards: Guards;
  clock: Clock;
  status(): StatusView;
}

export function addFleetRoutes(app: FastifyInstance, deps: FleetRouteDeps): void {
  const { roster, guards, status } = deps;
  const list = createHostList(roster);
  app.get(
    '/healthz',
    {
      schema: routeSchema({
        summary: 'Whether the tracker answers',
        answers: { 200: z.object({ ok: z.literal(true) }) },
        open: true,
      }),
    },
    async () => ({ ok: true }),
  );
  app.get<{ Querystring: HostQueryText }>(
    '/v1/hosts',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: `Every agent that ever connected, or a part of the list; ${TOTAL_HEADER} says how many match`,
        query: hostQuerySchema,
        answers: { 200: z.array(hostViewSchema) },
      }),
    },
    async ({ query: { search, order, offset, limit } }, reply) => {
      const { total, hosts } = list.read({ search, order, offset: numberOf(offset), limit: numberOf(limit) });
      reply.header(TOTAL_HEADER, total);
      return hosts.map(viewOfAgent);
    },
  );
  app.get(
    '/v1/status',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'The tracker in figures', answers: { 200: statusViewSchema } }),
    },
    async () => status(),
  );
  addForgetRoute(app, deps);
  addTokenRoutes(app, deps);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function addForgetRoute(app: FastifyInstance, { jobs, roster, shares, presence, guards }: FleetRouteDeps): void {
  app.delete<{ Params: { peerId: string } }>(
    '/v1/hosts/:peerId',
    {
      onRequest: guards.admin,
      schema: routeSchema({
        summary: 'Forget a host that is offline; open jobs no longer wait for it',
        params: ['peerId'],
        answers: { 204: null },
      }),
    },
    async ({ params: { peerId } }, reply) => {
      if (presence.get(peerId)) throw new TrackerError('HOST_ONLINE', peerId);
      // The roster last: when one of them cannot be written, asking again does the rest.
      jobs.forgetHost(peerId);
      shares.forget(peerId);
      if (!roster.forget(peerId)) throw new TrackerError('UNKNOWN_HOST', peerId);
      return reply.code(204).send();
    },
  );
}

function addTokenRoutes(app: FastifyInstance, { tokens, presence, guards, clock }: FleetRouteDeps): void {
  app.post<{ Body: TokenRequest }>(
    '/v1/tokens',
    {
      onRequest: guards.admin,
      schema: routeSchema({ summary: 'Make a token', body: tokenRequestSchema, answers: { 201: newTokenSchema } }),
    },
    async ({ body }, reply) => reply.code(201).send(tokens.create(body, clock.now())),
  );
  app.get(
    '/v1/tokens',
    {
      onRequest: guards.admin,
      schema: routeSchema({ summary: 'The tokens, without their secrets', answers: { 200: z.array(tokenViewSchema) } }),
    },
    async () => tokens.list(clock.now()).map(viewOfToken),
  );
  app.delete<{ Params: { id: string } }>(
    '/v1/tokens/:id',
    {
      onRequest: guards.admin,
      schema: routeSchema({ summary: 'Revoke a token; its sessions end', params: ['id'], answers: { 204: null } }),
    },
    async ({ params }, reply) => {
      if (!tokens.revoke(params.id)) throw new TrackerError('UNKNOWN_TOKEN', params.id);
      for (const session of presence.all()) {
        if (session.tokenId === params.id) session.refuse(sessionError('TOKEN_REVOKED'));
      }
      return reply.code(204).send();
    },
  );
}
