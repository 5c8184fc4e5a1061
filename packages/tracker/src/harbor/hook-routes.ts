/**
 * The HTTP face of pushes: Harbor's webhooks, a plain registry's notifications, and what became of them.
 * Answers as soon as the note is on disk: Harbor waits three seconds, a registry holds back its next events.
 */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { hookViewSchema } from '../client/api-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { Guards } from '../http/app.ts';
import { routeSchema } from '../http/json-schema.ts';
import { admitsHook } from './doors.ts';
import { requireSecret } from './forgeries.ts';
import { readJsonBodies } from './json-bodies.ts';
import type { HookOptions } from './options.ts';
import type { PushDesk } from './push-desk.ts';
import { type PushEvent, parseHarborEvent, parseNotifications } from './push-events.ts';

export interface HookRouteDeps {
  /** Undefined: webhooks are off. */
  hooks: HookOptions | undefined;
  /** Also of what the Kraken driver told. Undefined: nobody may tell of pushes. */
  pushes: PushDesk | undefined;
  guards: Guards;
  clock: Clock;
  log: Logger;
}

export async function addHookRoutes(app: FastifyInstance, { hooks, pushes, guards, clock, log }: HookRouteDeps) {
  app.get(
    '/v1/hooks',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'The latest push of each tag that a rule is for, and what it led to',
        answers: { 200: z.array(hookViewSchema) },
      }),
    },
    async () => pushes?.list() ?? [],
  );
  await app.register(async (scope) => {
    readJsonBodies(scope);
    const { secret, registry, rules } = hooks ?? { secret: '', registry: undefined, rules: [] };
    const admits = requireSecret((headers) => admitsHook(secret, headers), { clock, log });
    scope.addHook('onRequest', async (request) => {
      if (!hooks) throw new TrackerError('HOOKS_OFF');
      await admits(request);
    });
    const take = (path: string, read: (body: unknown) => PushEvent[]) =>
      scope.post(path, { schema: { hide: true } }, async ({ body }, reply) => {
        const events = read(body).map((event) => ({ ...event, address: registry ?? event.address }));
        return reply.code(202).send({ orders: pushes?.received(events, rules) ?? 0 });
      });
    take('/hooks/harbor', parseHarborEvent);
    take('/hooks/registry', parseNotifications);
  });
}
