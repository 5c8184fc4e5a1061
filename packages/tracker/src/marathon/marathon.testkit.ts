/**
 * Doubles of Marathon and of a Mesos master, from their contracts: the stream with its blank lines, light and heavy
 * plans, 307 to the leader, refusals. They keep what a test puts and say what was asked of them.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Double {
  url: string;
  /** `GET /v2/apps`, in order. */
  asked: string[];
  /** Resolves when it was asked for something like this so many times. */
  askedFor(path: string, times?: number): Promise<void>;
  /** Takes the connection of nobody any more. */
  stop(): Promise<void>;
}

export interface TestMarathon extends Double {
  apps: Map<string, object>;
  pods: Map<string, object>;
  deployments: object[];
  /** Sends them where the leader is. */
  leader?: TestMarathon;
  /** Says who leads without leading there, as before 1.8. */
  saysLeader?: string;
  /** What Authorization must be. */
  authorization?: string;
  /** Answers everything with it. */
  status?: number;
  /** Ends of lines in the stream. */
  lineEnd: '\n' | '\r\n';
  heavy: boolean;
  /** Opens streams and sends nothing in them. */
  isMute: boolean;
  headers: IncomingMessage['headers'][];
  /** Puts the app and tells of its deployment. */
  deploy(app: TestApp, ...actions: string[]): void;
  send(event: string, data: object | string): void;
  sendRaw(text: string): void;
  /** In the middle of whatever comes. */
  cut(): void;
}

export interface TestApp {
  id: string;
  version: string;
  [key: string]: unknown;
}

type Json = (status: number, body: unknown) => void;

export async function startMarathon(): Promise<TestMarathon> {
  const streams = new Set<ServerResponse>();
  const server = createServer((request, response) => answer(request, response));
  const double = await startDouble(server);
  const write = (text: string) => {
    for (const stream of streams) stream.write(text.replaceAll('\n', marathon.lineEnd));
  };
  const marathon: TestMarathon = {
    ...double,
    ...{ apps: new Map(), pods: new Map(), deployments: [], headers: [], lineEnd: '\n', heavy: false, isMute: false },
    deploy(app, ...actions) {
      marathon.apps.set(app.id, app);
      marathon.send('deployment_info', deploymentInfo(app, actions, marathon.heavy));
    },
    send: (event, data) =>
      write(`\nevent: ${event}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n\n`),
    sendRaw: (text) => write(text),
    cut: () => {
      for (const stream of streams) stream.destroy();
      streams.clear();
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url ?? '/', double.url);
    double.asked.push(`${request.method} ${pathname}${search}`);
    double.wake();
    marathon.headers.push(request.headers);
    const json: Json = (status, body) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (marathon.status !== undefined) return json(marathon.status, { message: 'no' });
    if (marathon.authorization !== undefined && request.headers.authorization !== marathon.authorization)
      return json(401, { message: 'Invalid username or password.' });
    if (pathname !== '/v2/events') return answerJson(pathname, json);
    if (marathon.leader === undefined) return openStream(request, response, json);
    response.writeHead(307, { location: `${marathon.leader.url}${request.url}` }).end();
  }

  function answerJson(path: string, json: Json): void {
    const whole: Record<string, () => unknown> = {
      '/v2/leader': () => ({ leader: marathon.saysLeader ?? new URL(marathon.leader?.url ?? double.url).host }),
      '/v2/apps': () => ({ apps: [...marathon.apps.values()] }),
      '/v2/pods': () => [...marathon.pods.values()],
      '/v2/deployments': () => marathon.deployments,
    };
    if (whole[path] !== undefined) return json(200, whole[path]());
    const [, kind, id = ''] = /^\/v2\/(apps|pods)(\/.*)$/.exec(path) ?? [];
    const found = kind === 'apps' ? marathon.apps.get(id) : marathon.pods.get(id);
    if (found === undefined) return json(404, { message: `'${id}' does not exist` });
    json(200, kind === 'apps' ? { app: found } : found);
  }

  function openStream(request: IncomingMessage, response: ServerResponse, json: Json): void {
    if (marathon.saysLeader !== undefined) return json(503, { message: 'not the leader' });
    if (request.headers.accept !== 'text/event-stream') return json(405, { message: 'Method Not Allowed' });
    response.writeHead(200, { 'content-type': 'text/event-stream;charset=utf-8', 'cache-control': 'no-cache' });
    if (marathon.isMute) response.flushHeaders();
    else response.write(`event: event_stream_attached\ndata: {"eventType":"event_stream_attached"}\n\n`);
    streams.add(response);
    response.once('close', () => streams.delete(response));
  }
  return marathon;
}

/** With the whole groups before and after when it is heavy, and with steps as versions of Marathon write them. */
export function deploymentInfo(app: TestApp, actions: readonly string[], heavy: boolean): object {
  const step = { actions: actions.map((action) => ({ [heavy ? 'type' : 'action']: action, app: app.id })) };
  const plan = { id: `d-${app.version}`, version: app.version, steps: [step] };
  const group = { id: '/', apps: [app], groups: [], pods: [], dependencies: [], version: app.version };
  const whole = heavy ? { ...plan, original: { ...group, apps: [] }, target: group } : plan;
  return { eventType: 'deployment_info', timestamp: app.version, plan: whole, currentStep: step };
}

export interface TestMesos extends Double {
  slaves: object[];
  leader?: string;
  status?: number;
}

export async function startMesos(...slaves: object[]): Promise<TestMesos> {
  const server = createServer((request, response) => {
    double.asked.push(`${request.method} ${request.url}`);
    double.wake();
    // As a master that does not lead: an address without its scheme.
    if (mesos.leader) response.writeHead(307, { location: `//${mesos.leader}${request.url}` }).end();
    else if (mesos.status) response.writeHead(mesos.status).end();
    else if (request.url === '/master/slaves')
      response.end(JSON.stringify({ slaves: mesos.slaves, recovered_slaves: [] }));
    else response.writeHead(404).end();
  });
  const double = await startDouble(server);
  const mesos: TestMesos = { ...double, slaves };
  return mesos;
}

export function slave(hostname: string, attributes: object = {}, parts: object = {}): object {
  const pid = 'slave(1)@10.255.0.1:5051';
  return { id: `S-${hostname}`, hostname, port: 5051, pid, attributes, active: true, deactivated: false, ...parts };
}

async function startDouble(server: Server): Promise<Double & { wake(): void }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const asked: string[] = [];
  const waiting = new Set<() => void>();
  const stop = async () => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  onTestFinished(stop);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop,
    wake: () => {
      for (const look of waiting) look();
    },
    askedFor: (path, times = 1) =>
      new Promise((resolve) => {
        const look = () => {
          if (asked.filter((one) => one.includes(path)).length < times) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
