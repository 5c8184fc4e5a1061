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
  policyWeekSchema,
  type RollbackRequest,
  rollbackRequestSchema,
  type WeekRequest,
  weekRequestSchema,
} from '../client/api-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { Policies } from '../policy/policies.ts';
import { policyWeek } from '../policy/policy-week.ts';
import type { AgentRoster } from '../session/agent-roster.ts';
import type { PolicyRecord } from '../store/policy-store.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface PolicyRouteDeps {
  policies: Policies;
  roster: AgentRoster;
  guards: Guards;
  clock: Clock;
}

export function addPolicyRoutes(app: FastifyInstance, deps: PolicyRouteDeps): void {
  const { policies, guards } = deps;
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
  addWeekRoute(app, deps);
}

/** POST as the questions about images are: nothing is changed. */
function addWeekRoute(app: FastifyInstance, { policies, roster, guards, clock }: PolicyRouteDeps): void {
  app.post<{ Body: WeekRequest }>(
    '/v1/policy/week',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'What the policy in force allows a host, from Monday to Monday',
        body: weekRequestSchema,
        answers: { 200: policyWeekSchema },
      }),
    },
    async ({ body: { host: name } }) => {
      policies.current(); // none in force is a plain 404
      const { inForce } = policies;
      if (inForce === undefined) throw new TrackerError('NO_POLICY');
      const known = name === undefined ? { name: '' } : roster.all().find((host) => host.name === name);
      if (known === undefined) throw new TrackerError('UNKNOWN_HOST', name);
      return policyWeek(inForce, known, clock.now());
    },
  );
}

function viewOf<T extends Omit<PolicyRecord, 'text'>>({ appliedAtMs, ...policy }: T) {
  return { ...policy, appliedAt: new Date(appliedAtMs).toISOString() };
}

function nameOf({ token }: FastifyRequest): string {
  return token?.name ?? '';
}
