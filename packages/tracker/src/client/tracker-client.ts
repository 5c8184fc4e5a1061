/**
 * Typed client of the tracker's HTTP API, for the CLI and for tests.
 * Decides how an answer becomes a value or a TrackerApiError. Does not retry.
 */
import { Agent, type Dispatcher, request } from 'undici';
import { TrackerApiError } from './api-error.ts';
import type {
  ErrorBody,
  HookView,
  HostView,
  NewToken,
  PasskeyView,
  PolicyVersion,
  PolicyView,
  PolicyWeek,
  StatusView,
  TokenRequest,
  TokenView,
  TorrentRequest,
} from './api-schemas.ts';
import type { Coverage, OutdatedHost } from './coverage-schemas.ts';
import { isSettled, type JobLog, type JobRequest, type JobSummary, type JobView } from './job-schemas.ts';
import type { MarathonPrewarm, MarathonRequest } from './marathon-schemas.ts';
import { createSseParser } from './sse-parser.ts';

export interface TrackerClientOptions {
  /** `https://host:7600`, or `http://` for a tracker that runs with `insecure`. */
  url: string;
  token: string;
  /** PEM of the authority that signed the tracker's certificate. */
  ca?: string;
}

/** What can be done with a job that is there. */
export type JobAction = 'cancel' | 'pause' | 'resume' | 'retry';

export interface TrackerClient {
  createJob(job: JobRequest): Promise<JobView>;
  job(id: string): Promise<JobView>;
  jobs(): Promise<JobSummary[]>;
  /** What happened in it, on all hosts; kept in the tracker's memory. */
  jobLog(id: string): Promise<JobLog>;
  actOnJob(id: string, action: JobAction): Promise<JobView>;
  /** Every change of a job, at most four a second, until it ends; a standing one until its hosts have. Throws when the stream is cut. */
  watchJob(id: string, options?: { signal?: AbortSignal }): AsyncIterable<JobView>;
  /** An app's images onto the hosts that its constraints allow. */
  prewarmMarathon(request: MarathonRequest): Promise<MarathonPrewarm>;
  hosts(): Promise<HostView[]>;
  coverage(image: string, hosts?: string[]): Promise<Coverage>;
  outdated(base: string, hosts?: string[]): Promise<OutdatedHost[]>;
  /** Of a host that is offline: it is listed no more, and open jobs no longer wait for it. */
  forgetHost(peerId: string): Promise<void>;
  /** What pushes have led to, newest first. */
  hooks(): Promise<HookView[]>;
  status(): Promise<StatusView>;
  createToken(token: TokenRequest): Promise<NewToken>;
  tokens(): Promise<TokenView[]>;
  revokeToken(id: string): Promise<void>;
  /** The bytes of a .torrent file. May take minutes: a host reads the whole blob for it. */
  createTorrent(torrent: TorrentRequest): Promise<Buffer>;
  passkeys(): Promise<PasskeyView[]>;
  /** The bandwidth policy in force. Rejects with NO_POLICY. */
  policy(version?: number): Promise<PolicyView>;
  policyVersions(): Promise<PolicyVersion[]>;
  /** What it allows a host through the week. Rejects with NO_POLICY, UNKNOWN_HOST. */
  policyWeek(host?: string): Promise<PolicyWeek>;
  /** Rejects with INVALID_POLICY and every fault. */
  applyPolicy(text: string): Promise<PolicyView>;
  rollbackPolicy(version: number): Promise<PolicyView>;
  revokePasskey(id: string): Promise<void>;
  openApi(): Promise<unknown>;
  close(): Promise<void>;
}

type Call = <T>(method: Dispatcher.HttpMethod, path: string, body?: unknown) => Promise<T>;

export function createTrackerClient(options: TrackerClientOptions): TrackerClient {
  const dispatcher = new Agent({ connect: { ca: options.ca } });
  const send = async (method: Dispatcher.HttpMethod, path: string, extra: RequestExtra = {}) => {
    try {
      return await request(new URL(path, options.url), {
        method,
        dispatcher,
        headers: {
          authorization: `Bearer ${options.token}`,
          ...(extra.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: extra.body === undefined ? undefined : JSON.stringify(extra.body),
        signal: extra.signal,
        bodyTimeout: extra.stream ? 0 : undefined,
      });
    } catch (cause) {
      if (extra.signal?.aborted) throw extra.signal.reason;
      throw unreachable(options.url, cause);
    }
  };
  const call: Call = async <T>(method: Dispatcher.HttpMethod, path: string, body?: unknown) => {
    const response = await send(method, path, { body });
    if (response.statusCode >= 400) throw await apiError(response);
    return (response.statusCode === 204 ? await response.body.dump() : await response.body.json()) as T;
  };
  return {
    ...callsOf(call),
    async createTorrent(torrent) {
      const response = await send('POST', '/v1/torrents', { body: torrent });
      if (response.statusCode >= 400) throw await apiError(response);
      return Buffer.from(await response.body.arrayBuffer());
    },
    watchJob: (id, watch = {}) =>
      watchJob(() => send('GET', `${jobPath(id)}/events`, { signal: watch.signal, stream: true }), {
        url: options.url,
        signal: watch.signal,
      }),
    close: () => dispatcher.close(),
  };
}

interface RequestExtra {
  body?: unknown;
  signal?: AbortSignal;
  stream?: boolean;
}

function callsOf(call: Call): Omit<TrackerClient, 'watchJob' | 'createTorrent' | 'close'> {
  return {
    createJob: (job) => call('POST', '/v1/jobs', job),
    job: (id) => call('GET', jobPath(id)),
    jobs: () => call('GET', '/v1/jobs'),
    jobLog: (id) => call('GET', `${jobPath(id)}/log`),
    prewarmMarathon: (request) => call('POST', '/v1/marathon/prewarm', request),
    actOnJob: (id, action) => call('POST', `${jobPath(id)}/${action}`),
    hosts: () => call('GET', '/v1/hosts'),
    coverage: (image, hosts) => call('POST', '/v1/images/coverage', { image, hosts }),
    outdated: (base, hosts) => call('POST', '/v1/images/outdated', { base, hosts }),
    forgetHost: (peerId) => call('DELETE', `/v1/hosts/${encodeURIComponent(peerId)}`),
    hooks: () => call('GET', '/v1/hooks'),
    status: () => call('GET', '/v1/status'),
    createToken: (token) => call('POST', '/v1/tokens', token),
    tokens: () => call('GET', '/v1/tokens'),
    revokeToken: (id) => call('DELETE', `/v1/tokens/${encodeURIComponent(id)}`),
    policy: (version) => call('GET', version === undefined ? '/v1/policy' : `/v1/policy/versions/${version}`),
    policyVersions: () => call('GET', '/v1/policy/versions'),
    policyWeek: (host) => call('POST', '/v1/policy/week', { host }),
    applyPolicy: (text) => call('POST', '/v1/policy', { text }),
    rollbackPolicy: (version) => call('POST', '/v1/policy/rollback', { version }),
    passkeys: () => call('GET', '/v1/passkeys'),
    revokePasskey: (id) => call('DELETE', `/v1/passkeys/${encodeURIComponent(id)}`),
    openApi: () => call('GET', '/v1/openapi.json'),
  };
}

const jobPath = (id: string): string => `/v1/jobs/${encodeURIComponent(id)}`;

async function* watchJob(
  open: () => Promise<Dispatcher.ResponseData>,
  { url, signal }: { url: string; signal?: AbortSignal },
): AsyncGenerator<JobView> {
  const response = await open();
  if (response.statusCode >= 400) throw await apiError(response);
  const parser = createSseParser();
  let last: JobView | undefined;
  try {
    for await (const chunk of response.body) {
      for (const event of parser.push(chunk as Uint8Array)) {
        if (event.event !== 'job') continue;
        last = withChange(last, JSON.parse(event.data) as JobView);
        yield last;
      }
    }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw noAnswer(url, cause, CHECK);
  }
  if (last === undefined || !isSettled(last.state)) throw noAnswer(url, new Error('the stream ended early'), CHECK);
}

/** An event has the hosts that changed; the first one all. */
function withChange(before: JobView | undefined, change: JobView): JobView {
  if (before === undefined) return change;
  const changed = new Map(change.hosts.map((host) => [host.peerId, host]));
  const hosts = before.hosts.map((host) => changed.get(host.peerId) ?? host);
  const known = new Set(hosts.map(({ peerId }) => peerId));
  return { ...change, hosts: [...hosts, ...change.hosts.filter(({ peerId }) => !known.has(peerId))] };
}

async function apiError(response: Dispatcher.ResponseData): Promise<TrackerApiError> {
  const text = await response.body.text();
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    return new TrackerApiError(error, response.statusCode);
  } catch {
    const error = {
      code: 'BAD_ANSWER',
      text: `the tracker answered ${response.statusCode}: ${text.slice(0, 200)}`,
      retryable: response.statusCode >= 500,
    };
    return new TrackerApiError(error, response.statusCode);
  }
}

const CHECK = 'Check the address and that it runs.';

/** Before an answer began: the address may name the wrong protocol, and then OpenSSL's own words help nobody. */
function unreachable(url: string, cause: unknown): TrackerApiError {
  const { code = '' } = cause as { code?: string };
  const isHttps = new URL(url).protocol === 'https:';
  if (isHttps && /^EPROTO$|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code)) {
    const text = `the tracker at ${url} does not speak https; is it an http:// tracker (insecure: true)?`;
    return new TrackerApiError({ code: 'UNREACHABLE', text, retryable: true }, 0, { cause });
  }
  if (!isHttps && /^(ECONNRESET|UND_ERR_SOCKET|HPE_.*)$/.test(code)) {
    return noAnswer(url, cause, 'It may speak https: try https:// in its address.');
  }
  // It runs. How to trust it is for the caller to say: only the caller knows where `ca` comes from.
  if (CERTIFICATE_CODES.test(code)) return noAnswer(url, cause);
  return noAnswer(url, cause, CHECK);
}

/** As Node names what it finds wrong with a certificate. */
const CERTIFICATE_CODES = /CERT|SIGNATURE|ISSUER/;

function noAnswer(url: string, cause: unknown, whatToDo?: string): TrackerApiError {
  const why = cause instanceof Error && cause.message ? `: ${cause.message}` : '';
  const text = [`no answer from the tracker at ${url}${why}`, whatToDo].filter(Boolean).join('. ');
  return new TrackerApiError({ code: 'UNREACHABLE', text, retryable: true }, 0, { cause });
}
