/**
 * The HTTP face of what a page shows: the fleet in sums and its stream, a job as cells and its stream, one host of a job.
 */
import type { FastifyInstance } from 'fastify';
import { fleetViewSchema, jobHostDetailSchema } from '../client/fleet-schemas.ts';
import { isOpen } from '../client/job-schemas.ts';
import { TrackerError } from '../errors.ts';
import type { FleetDesk } from '../fleet/fleet-desk.ts';
import { createCells, fedBy } from '../jobs/job-cells.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';
import type { OpenStream } from './sse.ts';

export interface WatchRouteDeps {
  fleet: FleetDesk;
  jobs: Jobs;
  guards: Guards;
  openStream: OpenStream;
}

export function addWatchRoutes(app: FastifyInstance, deps: WatchRouteDeps): void {
  const { fleet, guards } = deps;
  app.get(
    '/v1/fleet',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'The hosts in sums', answers: { 200: fleetViewSchema } }),
    },
    async () => fleet.view(),
  );
  addStreams(app, deps);
  addHostRoute(app, deps);
}

function addStreams(app: FastifyInstance, { fleet, jobs, guards, openStream }: WatchRouteDeps): void {
  app.get(
    '/v1/events',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Server-sent events: `fleet`, at most once a second: sums, jobs that changed, who came and left',
        answers: {},
      }),
    },
    async (request, reply) =>
      openStream(request, reply, ({ isBehind, send }) =>
        fleet.watch({ isBehind, changed: (change) => send('fleet', change) }),
      ),
  );
  app.get<{ Params: { id: string } }>(
    '/v1/jobs/:id/cells',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Server-sent events: `cells` of a job, all its hosts in few bytes each, then what changed',
        params: ['id'],
        answers: {},
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      jobs.summary(id); // an unknown job is a plain 404
      openStream(request, reply, (stream) => {
        const cellsOf = createCells();
        return jobs.watch(id, {
          isBehind: stream.isBehind,
          changed(change) {
            stream.send('cells', cellsOf(change));
            if (!isOpen(change.state)) stream.end();
          },
        });
      });
    },
  );
}

function addHostRoute(app: FastifyInstance, { jobs, guards }: WatchRouteDeps): void {
  app.get<{ Params: { id: string; peerId: string } }>(
    '/v1/jobs/:id/hosts/:peerId',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'One host of a job: its images, who feeds it and whom it feeds',
        params: ['id', 'peerId'],
        answers: { 200: jobHostDetailSchema },
      }),
    },
    async ({ params: { id, peerId } }) => {
      const { hosts } = jobs.view(id);
      const host = hosts.find((one) => one.peerId === peerId);
      if (host === undefined) throw new TrackerError('UNKNOWN_HOST', `${peerId}, in job ${id}`);
      return { host, feeds: fedBy(host.name, hosts) };
    },
  );
}
