/**
 * One Marathon with its Mesos as tracker.yaml names it, and how it is asked: redirects to the leader, account, caps.
 * Decides what a failed call says. Does not decide what to ask.
 */
import { Agent, type Dispatcher, request } from 'undici';
import type { JobClass } from '../client/shapes.ts';
import { TrackerError } from '../errors.ts';

export interface MarathonSite {
  /** As the operator wrote it; people name the site by it. */
  url: string;
  /** The Mesos master. Without it constraints are held against the labels of Shoal's hosts. */
  mesos?: string;
  /** The Authorization header, asked for at every call: token files change. Throws an Error that says what to do. */
  authorization?: () => string;
  /** PEM. */
  ca?: string;
  /** What jobs for this Marathon get. */
  prewarm?: { class?: JobClass; priority?: number };
  /** Labels an app must have to be pre-warmed. */
  only?: Readonly<Record<string, string>>;
}

export interface SiteClient {
  /** `base` is the site's `url` or `mesos`, or where it led to. Undefined for 404. Throws TrackerError. */
  json(base: string, path: string): Promise<unknown>;
  /** Of Marathon; `base` is where the stream comes from: the leader. Throws TrackerError. */
  events(base: string, path: string, signal: AbortSignal): Promise<{ base: string; chunks: AsyncIterable<Uint8Array> }>;
  close(): Promise<void>;
}

const MAX_REDIRECTS = 5;
/** A master with 10,000 agents answers with some 40 MB. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const JSON_TYPE = 'application/json';
const EVENTS_TYPE = 'text/event-stream';

interface Asked {
  accept: string;
  signal?: AbortSignal;
}

export function createSiteClient(site: MarathonSite): SiteClient {
  const dispatcher = new Agent({ connect: { ca: site.ca }, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const unreachable = (base: string, detail: string, cause?: unknown) => {
    const isMesos = site.mesos !== undefined && base === site.mesos;
    const text = `${base}: ${detail}`;
    return new TrackerError(isMesos ? 'MESOS_UNREACHABLE' : 'MARATHON_UNREACHABLE', text, { cause });
  };

  const send = async (url: URL, { accept, signal }: Asked): Promise<Dispatcher.ResponseData> => {
    const authorization = site.authorization?.();
    const headers = { accept, ...(authorization === undefined ? {} : { authorization }) };
    return await request(url, { dispatcher, headers, signal, bodyTimeout: signal === undefined ? TIMEOUT_MS : 0 });
  };

  /** Where an answer that is neither good nor 404 leads. */
  const redirectOf = (base: string, url: URL, { statusCode: status, headers }: Dispatcher.ResponseData): URL => {
    const location = typeof headers.location === 'string' ? headers.location : undefined;
    if (![301, 302, 307, 308].includes(status) || location === undefined || !URL.canParse(location, url.href))
      throw unreachable(base, `it answered ${status}. ${whatToDo(status)}`);
    const next = new URL(location, url);
    // The account goes along, as the leader asks for it as well; never from TLS into the clear.
    if (next.protocol !== url.protocol && next.protocol !== 'https:')
      throw unreachable(base, `it redirects from https to ${next.protocol}//${next.host}; that is not followed`);
    return next;
  };

  /** Follows to the leader. Undefined for 404 where JSON was asked for. */
  const ask = async (base: string, path: string, asked: Asked) => {
    let url = new URL(`${base.replace(/\/+$/, '')}${path}`);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await send(url, asked).catch((error: Error & { code?: string }) => {
        const advice = /CERT|SIGNATURE|ISSUER/.test(error.code ?? '') ? GIVE_CA : CHECK_ADDRESS;
        throw unreachable(base, `${error.message || error.code || error.name}. ${advice}`, error);
      });
      if (response.statusCode < 300) return { response, url };
      await response.body.dump().catch(() => {});
      if (response.statusCode === 404 && asked.accept === JSON_TYPE) return undefined;
      url = redirectOf(base, url, response);
    }
    throw unreachable(base, 'it redirects in a circle; has it a leader?');
  };

  return {
    async json(base, path) {
      const asked = await ask(base, path, { accept: JSON_TYPE });
      if (asked === undefined) return undefined;
      const text = await textOf(asked.response).catch((cause) => {
        throw unreachable(base, `${path}: ${cause.message}`, cause);
      });
      try {
        return JSON.parse(text);
      } catch (cause) {
        throw unreachable(base, `its answer to ${path} is no JSON. ${CHECK_ADDRESS}`, cause);
      }
    },
    async events(base, path, signal) {
      const asked = await ask(base, path, { accept: EVENTS_TYPE, signal });
      if (asked === undefined) throw unreachable(base, whatToDo(404));
      const { response, url } = asked;
      const type = String(response.headers['content-type'] ?? '');
      if (!type.startsWith(EVENTS_TYPE)) {
        response.body.destroy();
        throw unreachable(base, `it sends ${type || 'something'} instead of events. ${CHECK_ADDRESS}`);
      }
      const end = url.href.indexOf(path);
      return { base: end < 0 ? base : url.href.slice(0, end), chunks: response.body };
    },
    close: () => dispatcher.destroy(),
  };
}

async function textOf(response: Dispatcher.ResponseData): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += (part as Buffer).length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}

const CHECK_ADDRESS =
  'Check its address under marathon: in tracker.yaml, with the port and, behind a gateway, the path.';
const GIVE_CA = 'Give the PEM of its authority as caFile under marathon: in tracker.yaml.';

function whatToDo(status: number): string {
  if (status === 401 || status === 403)
    return 'Check username and passwordFile, or tokenFile, under marathon: in tracker.yaml.';
  if (status === 404 || status === 405) return CHECK_ADDRESS;
  return status >= 500 ? 'It may have no leader at the moment.' : CHECK_ADDRESS;
}
