/** `GET /metrics`, for Prometheus with a reader's token. */
import type { FastifyInstance } from 'fastify';
import { METRICS_TYPE, metricsText, processMetrics } from '../client/metrics-text.ts';
import { type TrackerFigures, trackerMetrics } from '../metrics.ts';
import type { Guards } from './app.ts';
import { routeSchema } from './json-schema.ts';

export interface MetricsRouteDeps {
  guards: Guards;
  figures(): TrackerFigures;
}

export function addMetricsRoute(app: FastifyInstance, { guards, figures }: MetricsRouteDeps): void {
  app.get(
    '/metrics',
    {
      onRequest: guards.reader,
      schema: routeSchema({ summary: "Prometheus' text format", answers: { 200: 'text/plain' } }),
    },
    async (_request, reply) =>
      reply.type(METRICS_TYPE).send(metricsText([...trackerMetrics(figures()), ...processMetrics()])),
  );
}
