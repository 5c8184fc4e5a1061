/**
 * The bandwidth policy over HTTP: what is in force, what was, a new one, an old one again.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  type PolicyRequest,
  policyRequestSchema,
  policyVersionSchema,
  policyViewSchema,
  type RollbackRequest,
  rollbackRequestSchema,
} from '../client/api-schemas.ts';
import type { Policies } from '../policy/policies.ts';
import type { PolicyRecord } from '../store/policy-store.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface PolicyRouteDeps {
  policies: Policies;
  guards: Guards;
}

export function addPolicyRoutes(app: FastifyInstance, { policies, guards }: PolicyRouteDeps): void {
  app.get(
    '/v1/policy',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'The bandwidth policy in force', answers: { 200: policyViewSchema } }),
    },
    async () => viewOf(policies.current()),
  );
  app.post<{ Body: PolicyRequest }>(
    '/v1/policy',
    {
      onRequest: guards.admin,
      schema: routeSchema({
        summary: 'Put a bandwidth policy in force on every agent',
        body: policyRequestSchema,
        answers: { 200: policyViewSchema },
      }),
    },
    async (request) => viewOf(policies.apply(request.body.text, nameOf(request))),
  );
  app.get(
    '/v1/policy/versions',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'Every version, newest first', answers: { 200: z.array(policyVersionSchema) } }),
    },
    async () => policies.list().map(viewOf),
  );
  app.get<{ Params: { version: string } }>(
    '/v1/policy/versions/:version',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'One version with its text',
        params: ['version'],
        answers: { 200: policyViewSchema },
      }),
    },
    async ({ params }) => viewOf(policies.get(Number(params.version))),
  );
  app.post<{ Body: RollbackRequest }>(
    '/v1/policy/rollback',
    {
      onRequest: guards.admin,
      schema: routeSchema({
        summary: 'Put the text of an old version in force again, as a new version',
        body: rollbackRequestSchema,
        answers: { 200: policyViewSchema },
      }),
    },
    async (request) => viewOf(policies.rollback(request.body.version, nameOf(request))),
  );
}

function viewOf<T extends Omit<PolicyRecord, 'text'>>({ appliedAtMs, ...policy }: T) {
  return { ...policy, appliedAt: new Date(appliedAtMs).toISOString() };
}

function nameOf({ token }: FastifyRequest): string {
  return token?.name ?? '';
}
