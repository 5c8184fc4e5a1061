/**
 * The agent's control API: what `shoal status` and `shoal cache` ask and how the agent is stopped where there is no
 * SIGTERM. On loopback, behind a token file that only this account can read.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { METRICS_TYPE, metricsText, processMetrics } from '@shoal/tracker/client';
import fastify, { type FastifyInstance } from 'fastify';
import type { AgentStatus } from '../agent-status.ts';
import type { CacheDesk } from '../cache/cache-desk.ts';
import { toPortError } from '../errors.ts';
import { removeFile } from '../store/replace-file.ts';
import { addCacheRoutes } from './cache-routes.ts';
import { metricsOf } from './metrics.ts';

export interface ControlApiOptions {
  host: string;
  port: number;
  dataDir: string;
  status(): AgentStatus;
  cache: CacheDesk;
  onStop(): void;
}

export interface ControlApi {
  port: number;
  close(): Promise<void>;
}

export const CONTROL_TOKEN_FILE = 'control.token';

export async function openControlApi(options: ControlApiOptions): Promise<ControlApi> {
  const token = randomBytes(32).toString('base64url');
  const path = join(options.dataDir, CONTROL_TOKEN_FILE);
  await removeFile(path); // an old file would keep its own mode
  await writeFile(path, token, { mode: 0o600 });
  const app = fastify({ forceCloseConnections: true });
  requireToken(app, token);
  app.get('/v1/status', () => options.status());
  app.get('/metrics', async (_request, reply) =>
    reply.type(METRICS_TYPE).send(metricsText([...metricsOf(options.status()), ...processMetrics()])),
  );
  addCacheRoutes(app, options.cache);
  app.post('/v1/stop', async () => {
    setImmediate(options.onStop);
    return { stopping: true };
  });
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    throw toPortError(error, options, 'control.port');
  }
  return { port: (app.server.address() as { port: number }).port, close: () => app.close() };
}

function requireToken(app: FastifyInstance, token: string): void {
  const expected = Buffer.from(`Bearer ${token}`);
  app.addHook('onRequest', async (request, reply) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
    const error = {
      code: 'UNAUTHORIZED',
      text: `send the token of ${CONTROL_TOKEN_FILE} in the agent's data folder`,
      retryable: false,
    };
    await reply.status(401).send({ error });
  });
}
