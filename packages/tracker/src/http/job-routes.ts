/**
 * The HTTP face of jobs: order, look, cancel, watch.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type JobRequest, type JobView, jobRequestSchema, jobViewSchema } from '../client/api-schemas.ts';
import type { Clock } from '../clock.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';
import { type EventStream, openEventStream } from './sse.ts';

export interface JobRouteDeps {
  jobs: Jobs;
  guards: Guards;
  clock: Clock;
}

interface JobParams {
  Params: { id: string };
}

export function addJobRoutes(app: FastifyInstance, { jobs, guards, clock }: JobRouteDeps): void {
  app.post<{ Body: JobRequest }>(
    '/v1/jobs',
    {
      onRequest: guards.admin,
      schema: routeSchema({
        summary: 'Order images onto hosts',
        body: jobRequestSchema,
        answers: { 201: jobViewSchema },
      }),
    },
    async (request, reply) => reply.code(201).send(await jobs.create(request.body)),
  );
  app.get(
    '/v1/jobs',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'The latest jobs, newest first', answers: { 200: z.array(jobViewSchema) } }),
    },
    async () => jobs.list(),
  );
  app.get<JobParams>(
    '/v1/jobs/:id',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: 'One job', params: ['id'], answers: { 200: jobViewSchema } }),
    },
    async (request) => jobs.view(request.params.id),
  );
  app.post<JobParams>(
    '/v1/jobs/:id/cancel',
    {
      onRequest: guards.admin,
      schema: routeSchema({ summary: 'Stop a job', params: ['id'], answers: { 200: jobViewSchema } }),
    },
    async (request) => jobs.cancel(request.params.id),
  );
  addJobEvents(app, { jobs, guards, clock });
}

function addJobEvents(app: FastifyInstance, { jobs, guards, clock }: JobRouteDeps): void {
  const streams = new Set<EventStream>();
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  app.get<JobParams>(
    '/v1/jobs/:id/events',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Server-sent events: `job` with the whole view at every change, until the job ends',
        params: ['id'],
        answers: {},
      }),
    },
    async (request, reply) => {
      jobs.view(request.params.id); // an unknown job is a plain 404
      reply.hijack();
      let unwatch = () => {};
      const stream = openEventStream(reply.raw, clock, () => {
        streams.delete(stream);
        unwatch();
      });
      streams.add(stream);
      const listener = (view: JobView) => {
        stream.send('job', view);
        if (view.state !== 'running') stream.end();
      };
      unwatch = jobs.watch(request.params.id, listener);
    },
  );
}
