/**
 * The HTTP face of Harbor's P2P Preheat: the Dragonfly driver of both generations and the Kraken driver, under `/` and,
 * as Harbor wants an endpoint of its own for each instance, under `/kraken`.
 */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import { admitsPreheat, type PreheatDoor } from './doors.ts';
import { requireSecret } from './forgeries.ts';
import { readJsonBodies } from './json-bodies.ts';
import { jobAnswer, preheatAnswer } from './preheat-answers.ts';
import type { PreheatDesk } from './preheat-desk.ts';
import { parseJob, parseKraken, parsePreheat } from './preheat-requests.ts';
import type { PushDesk } from './push-desk.ts';
import type { PushRule } from './push-rules.ts';

export interface PreheatRouteDeps {
  /** Undefined: P2P Preheat is off. */
  preheat: { desk: PreheatDesk; pushes: PushDesk; door: PreheatDoor } | undefined;
  clock: Clock;
  log: Logger;
}

interface IdParams {
  Params: { id: string };
}

const PREFIXES = ['', '/kraken'];
/** The Kraken driver tells no hosts: all are meant. Nobody waits for the end. */
const FOR_ALL_HOSTS: PushRule = { name: 'P2P Preheat (Kraken)', match: '*', prewarm: {} };

export async function addPreheatRoutes(app: FastifyInstance, { preheat, clock, log }: PreheatRouteDeps) {
  await app.register(async (scope) => {
    readJsonBodies(scope);
    if (!preheat) return addOffRoutes(scope);
    const admits = requireSecret((headers) => admitsPreheat(preheat.door, headers), { clock, log });
    scope.addHook('onRequest', admits);
    for (const prefix of PREFIXES) {
      for (const path of ['/healthy', '/_ping', '/health'])
        scope.get(`${prefix}${path}`, { schema: { hide: true } }, async () => ({ ok: true }));
      addOrders(scope, prefix, preheat);
    }
  });
}

function addOrders(
  app: FastifyInstance,
  prefix: string,
  { desk, pushes }: NonNullable<PreheatRouteDeps['preheat']>,
): void {
  const schema = { hide: true };
  app.post(`${prefix}/oapi/v1/jobs`, { schema }, async ({ body }) => jobAnswer(await desk.order(parseJob(body))));
  app.get<IdParams>(`${prefix}/oapi/v1/jobs/:id`, { schema }, async ({ params }) =>
    jobAnswer(desk.outcome(Number(params.id))),
  );
  app.post(`${prefix}/preheats`, { schema }, async ({ body }) => {
    const { ID } = preheatAnswer(await desk.order(parsePreheat(body)));
    return { ID };
  });
  app.get<IdParams>(`${prefix}/preheats/:id`, { schema }, async ({ params }) =>
    preheatAnswer(desk.outcome(Number(params.id))),
  );
  app.post(`${prefix}/registry/notifications`, { schema }, async ({ body }) => {
    return { orders: pushes.received(parseKraken(body), [FOR_ALL_HOSTS]) };
  });
}

/** Says what to do in place of a plain 404. */
function addOffRoutes(app: FastifyInstance): void {
  const paths = ['/healthy', '/_ping', '/health', '/oapi/*', '/preheats', '/registry/notifications'];
  for (const path of PREFIXES.flatMap((prefix) => paths.map((one) => `${prefix}${one}`))) {
    app.all(path, { schema: { hide: true }, onRequest: async () => off() }, async () => off());
  }
}

function off(): never {
  throw new TrackerError('PREHEAT_OFF');
}
