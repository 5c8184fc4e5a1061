/**
 * The HTTP face of pre-warming for Marathon: an app before it is deployed.
 */
import type { FastifyInstance } from 'fastify';
import { type MarathonRequest, marathonPrewarmSchema, marathonRequestSchema } from '../client/marathon-schemas.ts';
import type { MarathonPrewarming } from '../marathon/prewarming.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface MarathonRouteDeps {
  marathon: MarathonPrewarming;
  guards: Guards;
}

export function addMarathonRoutes(app: FastifyInstance, { marathon, guards }: MarathonRouteDeps): void {
  app.post<{ Body: MarathonRequest }>(
    '/v1/marathon/prewarm',
    {
      onRequest: guards.admin,
      schema: routeSchema({
        summary: "Order an app's images onto the hosts its constraints allow",
        body: marathonRequestSchema,
        answers: { 201: marathonPrewarmSchema },
      }),
    },
    async (request, reply) => reply.code(201).send(await marathon.prewarm(request.body)),
  );
}
