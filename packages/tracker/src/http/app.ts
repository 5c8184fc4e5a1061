/**
 * The fastify app: plugins, limits, doors. What the routes do is in the route files.
 */
import { fastifySwagger } from '@fastify/swagger';
import { fastifyWebsocket } from '@fastify/websocket';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  LogController,
  type onRequestHookHandler,
} from 'fastify';
import type { Logger } from 'pino';
import { MAX_AGENT_MESSAGE_BYTES, SESSION_PATH } from '../client/session-messages.ts';
import { addHookRoutes, type HookRouteDeps } from '../harbor/hook-routes.ts';
import { addPreheatRoutes, type PreheatRouteDeps } from '../harbor/preheat-routes.ts';
import { type AcceptDeps, acceptSession } from '../session/accept-session.ts';
import { createSlices } from '../session/slices.ts';
import { addSignInRoutes, type SignInRouteDeps } from '../sign-in/sign-in-routes.ts';
import type { TokenStore } from '../store/token-store.ts';
import { requireRole } from './auth.ts';
import { addCoverageRoutes, type CoverageRouteDeps } from './coverage-routes.ts';
import { addDashboard } from './dashboard-files.ts';
import { installErrorAnswers } from './error-answer.ts';
import { addFleetRoutes, type FleetRouteDeps } from './fleet-routes.ts';
import { addForeignRoutes, type ForeignRouteDeps } from './foreign-routes.ts';
import { addJobRoutes, type JobRouteDeps } from './job-routes.ts';
import { addMarathonRoutes, type MarathonRouteDeps } from './marathon-routes.ts';
import { addMetricsRoute, type MetricsRouteDeps } from './metrics-route.ts';
import { addOwnTokenRoutes } from './own-token-routes.ts';
import { addPolicyRoutes, type PolicyRouteDeps } from './policy-routes.ts';
import { createStreams } from './sse.ts';
import { addWatchRoutes, type WatchRouteDeps } from './watch-routes.ts';

/** Who may ask: readers look, admins look and change. */
export interface Guards {
  reader: onRequestHookHandler;
  admin: onRequestHookHandler;
}

export interface AppDeps
  extends Omit<
      FleetRouteDeps &
        JobRouteDeps &
        CoverageRouteDeps &
        MetricsRouteDeps &
        ForeignRouteDeps &
        PolicyRouteDeps &
        MarathonRouteDeps &
        HookRouteDeps &
        PreheatRouteDeps &
        WatchRouteDeps &
        SignInRouteDeps,
      'guards' | 'openStream'
    >,
    Omit<AcceptDeps, 'slices' | 'isGood'> {
  tokens: TokenStore;
  version: string;
}

export interface AppOptions {
  /** Folders of the page at `/`. */
  dashboard?: readonly URL[];
  tls?: { cert: string; key: string };
}

const MAX_BODY_BYTES = 1024 * 1024;

export async function createApp(deps: AppDeps, { tls, dashboard }: AppOptions): Promise<FastifyInstance> {
  const app = newFastify(deps.log, tls);
  // Tokens and passkeys stand in what could not be parsed, and fastify would log it.
  app.server.prependListener('clientError', (error) => Reflect.deleteProperty(error, 'rawPacket'));
  app.decorateRequest('token', null);
  installErrorAnswers(app);
  await app.register(fastifyWebsocket, { options: { maxPayload: MAX_AGENT_MESSAGE_BYTES, perMessageDeflate: false } });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Shoal tracker', version: deps.version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
  });
  const { clock } = deps;
  const guards: Guards = {
    reader: requireRole(['reader', 'admin'], deps),
    admin: requireRole(['admin'], deps),
  };
  const isGood = (tokenId: string) => deps.tokens.isGood(tokenId, clock.now());
  const openStream = createStreams(app, { clock, isGood });
  logChanges(app, deps.log);
  addSessionRoute(app, { ...deps, isGood });
  addFleetRoutes(app, { ...deps, guards });
  await addSignInRoutes(app, deps);
  addOwnTokenRoutes(app, { ...deps, guards });
  addJobRoutes(app, { ...deps, guards, openStream });
  addMetricsRoute(app, { ...deps, guards });
  addCoverageRoutes(app, { ...deps, guards });
  addForeignRoutes(app, { ...deps, guards });
  addPolicyRoutes(app, { ...deps, guards });
  addMarathonRoutes(app, { ...deps, guards });
  await addPreheatRoutes(app, deps);
  await addHookRoutes(app, { ...deps, guards });
  addWatchRoutes(app, { ...deps, guards, openStream });
  if (dashboard) addDashboard(app, dashboard);
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  return app;
}

function newFastify(log: Logger, tls: AppOptions['tls']): FastifyInstance {
  const options = {
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true as const,
    // An unknown key or a wrong type is refused, not mended.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  };
  return tls
    ? (fastify({ ...options, https: { cert: tls.cert, key: tls.key } }) as unknown as FastifyInstance)
    : fastify(options);
}

/** Who changed something, by the name of their token. Agents and webhooks have words of their own for what they do. */
function logChanges(app: FastifyInstance, log: Logger): void {
  app.addHook('onResponse', async ({ token, method, routeOptions, params }, { statusCode }) => {
    if (token?.role !== 'admin' || method === 'GET' || method === 'HEAD' || statusCode >= 400) return;
    log.info(
      { by: token.name, tokenId: token.id, method, route: routeOptions.url, params, status: statusCode },
      'a person changed something',
    );
  });
}

function addSessionRoute(app: FastifyInstance, deps: AppDeps & Pick<AcceptDeps, 'isGood'>): void {
  const onRequest = requireRole(['agent', 'seeder'], deps);
  const slices = createSlices();
  app.get(SESSION_PATH, { websocket: true, onRequest, schema: { hide: true } }, (socket, request) => {
    const { role, id: tokenId } = request.token ?? {};
    if ((role !== 'agent' && role !== 'seeder') || tokenId === undefined) throw new Error('a session without a token');
    const remoteAddress = request.socket.remoteAddress ?? '';
    acceptSession(
      socket,
      { role, tokenId, remoteAddress },
      { handler: deps.handler, clock: deps.clock, log: deps.log, slices, isGood: deps.isGood },
    );
  });
}
