/**
 * The HTTP face of jobs: order, look, cancel, watch.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  isSettled,
  type JobRequest,
  type JobView,
  jobLogSchema,
  jobRequestSchema,
  jobSummarySchema,
  jobViewSchema,
} from '../client/job-schemas.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';
import type { OpenStream } from './sse.ts';

export interface JobRouteDeps {
  jobs: Jobs;
  guards: Guards;
  openStream: OpenStream;
}

/** What an operator does with a job that is there. */
const ACTIONS = {
  cancel: 'Stop a job; hosts keep what they have',
  pause: 'Hold a job: nothing moves until it is resumed',
  resume: 'Go on with a job that was held',
  retry: 'Let the hosts of a job that failed try again',
};
type JobAction = keyof typeof ACTIONS;

interface JobParams {
  Params: { id: string };
}

export function addJobRoutes(app: FastifyInstance, { jobs, guards, openStream }: JobRouteDeps): void {
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
      schema: routeSchema({ summary: 'The latest jobs, newest first', answers: { 200: z.array(jobSummarySchema) } }),
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
  app.get<JobParams>(
    '/v1/jobs/:id/log',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'What happened in a job on all its hosts, the last of it',
        params: ['id'],
        answers: { 200: jobLogSchema },
      }),
    },
    async (request) => jobs.logOf(request.params.id),
  );
  for (const [action, summary] of Object.entries(ACTIONS)) {
    app.post<JobParams>(
      `/v1/jobs/:id/${action}`,
      {
        onRequest: guards.admin,
        schema: routeSchema({ summary, params: ['id'], answers: { 200: jobViewSchema } }),
      },
      async (request) => jobs[action as JobAction](request.params.id),
    );
  }
  addJobEvents(app, { jobs, guards, openStream });
}

function addJobEvents(app: FastifyInstance, { jobs, guards, openStream }: JobRouteDeps): void {
  app.get<JobParams>(
    '/v1/jobs/:id/events',
    {
      onRequest: guards.reader,
      schema: routeSchema({
        summary: 'Server-sent events: `job` with all hosts at first, then with those that changed, until the job ends',
        params: ['id'],
        answers: {},
      }),
    },
    async (request, reply) => {
      const { id } = request.params;
      jobs.summary(id); // an unknown job is a plain 404
      openStream(request, reply, (stream) =>
        jobs.watch(id, {
          isBehind: stream.isBehind,
          changed(change: JobView) {
            stream.send('job', change);
            if (isSettled(change.state)) stream.end();
          },
        }),
      );
    },
  );
}
