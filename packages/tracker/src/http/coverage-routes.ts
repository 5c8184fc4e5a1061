/**
 * The HTTP face of images on the fleet: who has one, who can have it, who is behind.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { coverageSchema, outdatedHostSchema } from '../client/coverage-schemas.ts';
import { referenceSchema } from '../client/shapes.ts';
import type { CoverageDesk } from '../images/coverage.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface CoverageRouteDeps {
  coverage: CoverageDesk;
  guards: Guards;
}

const hosts = z.array(z.string().min(1).max(4096)).max(100).optional().describe('selectors; default: every agent');
const coverageRequestSchema = z.strictObject({ image: referenceSchema, hosts });
const outdatedRequestSchema = z.strictObject({ base: referenceSchema, hosts });

/** POST, since selectors are long and references have slashes; nothing is changed. */
export function addCoverageRoutes(app: FastifyInstance, { coverage, guards }: CoverageRouteDeps): void {
  app.post<{ Body: z.infer<typeof coverageRequestSchema> }>(
    '/v1/images/coverage',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Which manifest of an image each host gets, and whether it has it',
        body: coverageRequestSchema,
        answers: { 200: coverageSchema },
      }),
    },
    async ({ body }) => await coverage.coverage(body.image, body.hosts),
  );
  app.post<{ Body: z.infer<typeof outdatedRequestSchema> }>(
    '/v1/images/outdated',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Windows hosts whose base image is older than their own patch level',
        body: outdatedRequestSchema,
        answers: { 200: z.array(outdatedHostSchema) },
      }),
    },
    async ({ body }) => coverage.outdated(body.base, body.hosts),
  );
}
