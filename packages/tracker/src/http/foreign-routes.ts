/**
 * The HTTP face of foreign BitTorrent clients: torrents and passkeys for the operator, the announce for the clients.
 * An announce URL holds a secret: neither it nor a query is ever logged.
 */
import { encodeAnnounceFailure } from '@shoal/wire';
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import { passkeyViewSchema, type TorrentRequest, torrentRequestSchema } from '../client/api-schemas.ts';
import { ERRORS, TrackerError } from '../errors.ts';
import type { ForeignPeers } from '../foreign/foreign-peers.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface ForeignRouteDeps {
  /** Undefined: foreign peers are off. */
  foreign: ForeignPeers | undefined;
  /** Where foreign clients reach the tracker, without a slash at the end. Default: as the operator reached it. */
  publicUrl: string | undefined;
  guards: Guards;
}

const TORRENT_TYPE = 'application/x-bittorrent';

export function addForeignRoutes(app: FastifyInstance, { foreign, publicUrl, guards }: ForeignRouteDeps): void {
  const onRequest = [guards.admin, refuseWhenOff(foreign)];
  app.post<{ Body: TorrentRequest }>(
    '/v1/torrents',
    {
      onRequest,
      schema: routeSchema({
        summary: 'A .torrent of a blob for a foreign client on one host, with a passkey of its own',
        body: torrentRequestSchema,
        answers: { 201: TORRENT_TYPE },
      }),
    },
    async ({ body, protocol, host }, reply) => {
      const baseUrl = publicUrl ?? `${protocol}://${host}`;
      const bytes = await on(foreign).createTorrent({ ...body, baseUrl });
      return reply.code(201).type(TORRENT_TYPE).send(bytes);
    },
  );
  app.get(
    '/v1/passkeys',
    {
      onRequest,
      schema: routeSchema({
        summary: 'The passkeys of foreign clients, without their secrets',
        answers: { 200: z.array(passkeyViewSchema) },
      }),
    },
    async () => on(foreign).passkeys(),
  );
  app.delete<{ Params: { id: string } }>(
    '/v1/passkeys/:id',
    { onRequest, schema: routeSchema({ summary: 'Revoke a passkey', params: ['id'], answers: { 204: null } }) },
    async ({ params }, reply) => {
      if (!on(foreign).revokePasskey(params.id)) throw new TrackerError('UNKNOWN_PASSKEY', params.id);
      return reply.code(204).send();
    },
  );
  addAnnounceRoute(app, foreign);
}

/** A wildcard: whatever is asked below it is answered in the form a BitTorrent client understands, with 200. */
function addAnnounceRoute(app: FastifyInstance, foreign: ForeignPeers | undefined): void {
  app.get<{ Params: { '*': string } }>(
    '/announce/*',
    {
      schema: { hide: true },
      errorHandler: (error, request, reply) => {
        request.log.error({ err: error, path: request.routeOptions.url }, 'an announce failed');
        bencoded(reply, encodeAnnounceFailure(ERRORS.INTERNAL.text));
      },
    },
    async ({ params, raw, socket }, reply) => {
      const { url = '' } = raw;
      const split = url.indexOf('?');
      const query = split < 0 ? '' : url.slice(split + 1);
      const request = { passkey: params['*'], query, remoteAddress: socket.remoteAddress ?? '' };
      return bencoded(
        reply,
        foreign?.announce(request) ?? encodeAnnounceFailure(new TrackerError('FOREIGN_PEERS_OFF').message),
      );
    },
  );
}

function bencoded(reply: FastifyReply, bytes: Buffer): FastifyReply {
  return reply.code(200).type('text/plain').header('cache-control', 'no-store').send(bytes);
}

function refuseWhenOff(foreign: ForeignPeers | undefined): onRequestHookHandler {
  return async () => void on(foreign);
}

function on(foreign: ForeignPeers | undefined): ForeignPeers {
  if (!foreign) throw new TrackerError('FOREIGN_PEERS_OFF');
  return foreign;
}
