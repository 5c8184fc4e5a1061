/**
 * Harbor's side of P2P Preheat, written from its sources (src/pkg/p2p/preheat): the HTTP client, the two drivers in
 * their generations, and the job that orders and polls. Harbor itself does not run here; what it accepts and refuses,
 * and when, is what these functions accept and refuse.
 */
import { request as httpRequest } from 'node:http';

export type AuthMode = 'NONE' | 'BASIC' | 'OAUTH' | 'CUSTOM';

/** An instance as an administrator registers it. */
export interface HarborInstance {
  endpoint: string;
  authMode: AuthMode;
  authInfo?: Record<string, string>;
}

/** What the enforcer made of one artifact. */
export interface PreheatImage {
  /** By tag, never by digest. */
  url: string;
  /** `Bearer …`, minted by Harbor for this repository. */
  token: string;
  name: string;
  tag: string;
  digest: string;
  scope?: string;
  clusterIds?: number[];
}

export type Status = 'PENDING' | 'RUNNING' | 'SUCCESS' | 'FAIL';

export interface DriverStatus {
  taskId: string;
  status: Status;
  /** Of a success the table, of a failure the errors. */
  message: string;
}

export interface Driver {
  /** `ping` of an instance, and the first step of every task. Rejects when it is unhealthy. */
  health(): Promise<void>;
  preheat(image: PreheatImage): Promise<DriverStatus>;
  check(taskId: string): Promise<DriverStatus>;
}

const REQUEST_TIMEOUT_MS = 30_000;
const CHECK_INTERVAL_MS = 10_000;
const CHECK_TIMEOUT_MS = 1_801_000;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** provider/client/http_client.go: any status but 2xx is an error that holds the body. */
function call(instance: HarborInstance, method: 'GET' | 'POST', { path, body }: { path: string; body?: unknown }) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers: Record<string, string> = {
    accept: 'application/json',
    'user-agent': 'Go-http-client/1.1',
    'accept-encoding': 'gzip',
    ...(text !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
    }),
    ...authHeader(instance),
  };
  return new Promise<string>((resolve, reject) => {
    const asked = httpRequest(`${instance.endpoint}${path}`, { method, headers, timeout: REQUEST_TIMEOUT_MS });
    asked.on('timeout', () => asked.destroy(new Error('context deadline exceeded (Client.Timeout exceeded)')));
    asked.on('error', reject);
    asked.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const said = Buffer.concat(chunks).toString();
        if (Math.floor((answer.statusCode ?? 0) / 100) === 2) resolve(said);
        else reject(new Error(`${answer.statusCode}: ${said}`));
      });
    });
    asked.end(text);
  });
}

/** provider/auth: the first entry of auth_info is meant, whatever its name. */
function authHeader({ authMode, authInfo = {} }: HarborInstance): Record<string, string> {
  const [[name = '', value = ''] = []] = Object.entries(authInfo);
  if (authMode === 'BASIC') return { authorization: `Basic ${Buffer.from(`${name}:${value}`).toString('base64')}` };
  if (authMode === 'OAUTH') return { authorization: `Bearer ${authInfo.token}` };
  return authMode === 'CUSTOM' ? { [name]: value } : {};
}

/** dragonfly.go of Harbor 2.12 and later. */
export function dragonfly(instance: HarborInstance): Driver {
  return {
    health: async () => void (await call(instance, 'GET', { path: '/healthy' })),
    preheat: async ({ url, token, scope = '', clusterIds = null }) => {
      const args = {
        ...{ type: 'image', url, tag: '', filtered_query_params: '', headers: { Authorization: token } },
        ...{ scope, concurrent_count: 0, timeout: 0 },
      };
      const body = { type: 'preheat', args, scheduler_cluster_ids: clusterIds };
      const { id } = jobOf(await call(instance, 'POST', { path: '/oapi/v1/jobs', body }));
      return { taskId: String(id), status: 'PENDING', message: '' }; // the state of this answer is not looked at
    },
    check: async (taskId) => {
      const { state, result } = jobOf(await call(instance, 'GET', { path: `/oapi/v1/jobs/${taskId}` }));
      if (state === 'PENDING') return { taskId, status: 'RUNNING', message: '' };
      if (state === 'SUCCESS') return { taskId, status: 'SUCCESS', message: tableOf(result) };
      const errors = (result?.job_states ?? []).map(({ error }) => error).join('; ');
      return { taskId, status: 'FAIL', message: state === 'FAILURE' ? errors : `unknown state: ${state}` };
    },
  };
}

interface JobTask {
  url: string;
  hostname: string;
  ip: string;
  description?: string;
}

interface JobResult {
  job_states: {
    error: string;
    results: { scheduler_cluster_id: number; success_tasks: JobTask[]; failure_tasks: JobTask[] }[];
  }[];
}

/** As Go's decoder: a number that is none, or a time that is none, is an error. */
function jobOf(text: string): { id: number; state: string; result: JobResult | null } {
  const job = JSON.parse(text);
  if (!Number.isInteger(job.id))
    throw new Error(`json: cannot unmarshal ${typeof job.id} into Go struct field id of type int`);
  for (const at of [job.created_at, job.updated_at]) if (!RFC3339.test(at)) throw new Error(`parsing time ${at}`);
  return job;
}

/** Blob URL | Hostname | IP | Cluster ID | State | Error Message. */
function tableOf(result: JobResult | null): string {
  const rows = (result?.job_states ?? []).flatMap(({ results }) =>
    results.flatMap(({ scheduler_cluster_id: id, success_tasks, failure_tasks }) => [
      ...success_tasks.map(({ url, hostname, ip }) => [url, hostname, ip, id, 'SUCCESS', '']),
      ...failure_tasks.map(({ url, hostname, ip, description }) => [url, hostname, ip, id, 'FAILURE', description]),
    ]),
  );
  return rows.map((row) => row.join(' | ')).join('\n');
}

/** The driver of Harbor 2.1 to 2.11. */
export function dragonflyV1(instance: HarborInstance): Driver {
  return {
    health: async () => void (await call(instance, 'GET', { path: '/_ping' })),
    preheat: async ({ url, token, name, tag, digest }) => {
      const body = { type: 'image', url, headers: { Authorization: token }, image: name, tag, digest };
      const { ID } = JSON.parse(await call(instance, 'POST', { path: '/preheats', body }));
      if (typeof ID !== 'string') throw new Error('json: cannot unmarshal into Go struct field ID of type string');
      return { taskId: ID, status: 'PENDING', message: '' };
    },
    check: async (taskId) => {
      const info = JSON.parse(await call(instance, 'GET', { path: `/preheats/${taskId}` }));
      const status = { WAITING: 'PENDING', FAILED: 'FAIL' }[info.Status as string] ?? info.Status;
      return { taskId, status, message: info.errorMsg };
    },
  };
}

/** kraken.go: an event without a token, and nothing to poll. */
export function kraken(instance: HarborInstance): Driver {
  return {
    health: async () => void (await call(instance, 'GET', { path: '/health' })),
    preheat: async ({ url, name, tag, digest }) => {
      const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
      const target = { MediaType: mediaType, Digest: digest, Repository: name, Url: url, Tag: tag };
      const event = { Id: 'r4nd', TimeStamp: '2026-11-22T10:00:00.123Z', Action: 'push', Target: target };
      const body = { Events: [{ ...event, Request: null, Actor: null }] };
      await call(instance, 'POST', { path: '/registry/notifications', body });
      return { taskId: event.Id, status: 'SUCCESS', message: '' };
    },
    check: async (taskId) => ({ taskId, status: 'SUCCESS', message: '' }),
  };
}

export interface TaskTime {
  /** Lets the time pass. */
  advance(ms: number): void;
  /** What happens elsewhere meanwhile; `waitedMs` since the task began. */
  meanwhile?(waitedMs: number): Promise<void>;
}

export interface TaskEnd {
  state: 'Success' | 'Error';
  message: string;
  waitedMs: number;
}

/** job.go: one poll that fails ends the task, and so do 30 minutes. Nothing is tried again. */
export async function runTask(driver: Driver, image: PreheatImage, time: TaskTime): Promise<TaskEnd> {
  let waitedMs = 0;
  const end = (state: TaskEnd['state'], message: string): TaskEnd => ({ state, message, waitedMs });
  try {
    await driver.health();
    let { taskId, status, message } = await driver.preheat(image);
    while (status === 'PENDING' || status === 'RUNNING') {
      if (waitedMs >= CHECK_TIMEOUT_MS) return end('Error', 'status check timeout: 30m1s');
      time.advance(CHECK_INTERVAL_MS);
      waitedMs += CHECK_INTERVAL_MS;
      await time.meanwhile?.(waitedMs);
      ({ taskId, status, message } = await driver.check(taskId));
    }
    return status === 'SUCCESS' ? end('Success', message) : end('Error', message);
  } catch (error) {
    return end('Error', (error as Error).message);
  }
}
