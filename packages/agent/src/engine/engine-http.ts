/**
 * HTTP to one Docker Engine: the connection, the API version, and errors in our words.
 *
 * Knows no endpoint but `_ping`. Failures of transport become ENGINE_DOWN, ENGINE_FORBIDDEN or ABORTED here, once; other
 * statuses than 2xx become ENGINE_FAILED with the engine's own words.
 */

import type { Readable } from 'node:stream';
import { type Dispatcher, errors, Pool } from 'undici';
import { parseEngineAddress } from './engine-address.ts';
import { EngineError, systemCode, throwIfAborted } from './errors.ts';

export interface EngineHttp {
  /** The JSON document at `path`; undefined when the engine answers 404. */
  get(path: string, signal?: AbortSignal): Promise<unknown>;
  /** Asks for a change; false when the engine answers 404. */
  change(method: 'POST' | 'DELETE', path: string): Promise<boolean>;
  /** Sends `body` without any time limit and returns the engine's answer as a stream. */
  upload(path: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** The same error in our words: for failures while the stream of `upload` is read. */
  translate(error: unknown, signal?: AbortSignal): unknown;
  close(): Promise<void>;
}

/** The newest API these calls were written against; an older engine gets its own. */
const MAX_API_VERSION = '1.47';
const CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 60_000;
const MAX_TEXT_CHARS = 2_000;
const NOTHING_LISTENS = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

type AskOptions = Omit<Dispatcher.RequestOptions, 'path' | 'signal'> & { signal?: AbortSignal };

export function createEngineHttp(address: string, platform: NodeJS.Platform): EngineHttp {
  const pool = openPool(address, platform);
  let prefix: Promise<string> | undefined;

  /** Asks in the negotiated version; 404 is an answer, every other failure an EngineError. */
  async function ask(path: string, options: AskOptions): Promise<Dispatcher.ResponseData> {
    try {
      throwIfAborted(options.signal);
      prefix ??= negotiatePrefix(pool, address);
      const answer = await pool.request({ ...options, path: (await prefix) + path });
      if (answer.statusCode < 300 || answer.statusCode === 404) return answer;
      throw failed(path, answer.statusCode, await answer.body.text());
    } catch (error) {
      prefix = undefined; // the engine may come back as another version
      throw translate(error, options.signal);
    }
  }

  function translate(error: unknown, signal?: AbortSignal): unknown {
    return signal?.aborted ? aborted(error) : inOurWords(error, address);
  }

  return {
    get: async (path, signal) => {
      const answer = await ask(path, { method: 'GET', signal, ...limits(ANSWER_TIMEOUT_MS) });
      const text = await answer.body.text().catch((error) => Promise.reject(translate(error, signal)));
      return answer.statusCode === 404 ? undefined : parseJson(text, path);
    },
    change: async (method, path) => {
      const answer = await ask(path, { method, ...limits(ANSWER_TIMEOUT_MS) });
      await answer.body.dump();
      return answer.statusCode !== 404;
    },
    upload: async (path, body, signal) => {
      const headers = { 'content-type': 'application/x-tar' };
      const stream = body as unknown as Readable; // undici takes any async iterable, its types do not say so
      const answer = await ask(path, { method: 'POST', headers, body: stream, signal, ...limits(0) });
      if (answer.statusCode === 404) throw failed(path, 404, await answer.body.text());
      return answer.body;
    },
    translate,
    close: () => pool.destroy(),
  };
}

async function negotiatePrefix(pool: Pool, address: string): Promise<string> {
  const answer = await pool.request({ method: 'GET', path: '/_ping', ...limits(ANSWER_TIMEOUT_MS) });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw failed('/_ping', answer.statusCode, text);
  const version = answer.headers['api-version'];
  if (typeof version === 'string' && /^\d+\.\d+$/.test(version)) return `/v${olderVersion(version, MAX_API_VERSION)}`;
  throw new EngineError('BAD_RESPONSE', `no Api-Version at ${address}; is another service listening there?`);
}

function openPool(address: string, platform: NodeJS.Platform): Pool {
  const parsed = parseEngineAddress(address, platform);
  const options = { connections: CONNECTIONS, connectTimeout: CONNECT_TIMEOUT_MS };
  if (parsed.kind === 'http') return new Pool(parsed.origin, options);
  return new Pool('http://localhost', { ...options, socketPath: parsed.socketPath });
}

/** Zero is no limit: an engine may unpack for an hour, a swarm may deliver for longer. */
function limits(answerTimeoutMs: number): { headersTimeout: number; bodyTimeout: number } {
  return { headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs };
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError('BAD_RESPONSE', `${path} gave: ${text.slice(0, 200)}`, { cause });
  }
}

function failed(path: string, status: number, text: string): EngineError {
  const engineText = engineWords(text);
  return new EngineError('ENGINE_FAILED', `${path.split('?')[0]} gave ${status}: ${engineText}`, {
    engineText,
    status,
  });
}

function engineWords(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // not JSON: the text itself is what it said
  }
  return text.trim().slice(0, MAX_TEXT_CHARS);
}

function olderVersion(one: string, other: string): string {
  const [oneMajor = 0, oneMinor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return (oneMajor - otherMajor || oneMinor - otherMinor) < 0 ? one : other;
}

function aborted(cause: unknown): EngineError {
  if (cause instanceof EngineError && cause.code === 'ABORTED') return cause;
  return new EngineError('ABORTED', 'the signal was given', { cause });
}

/** Leaves errors that are already ours, or a programmer's, as they are. */
function inOurWords(error: unknown, address: string): unknown {
  if (error instanceof EngineError) return error;
  if (error instanceof errors.HTTPParserError) {
    return new EngineError('BAD_RESPONSE', `no HTTP at ${address}`, { cause: error });
  }
  const code = systemCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    const next = "run the agent as root or in the group 'docker', on Windows as administrator";
    return new EngineError('ENGINE_FORBIDDEN', `${address} (${code}); ${next}`, { cause: error });
  }
  // ERR_… are Node's words for a programmer's error, but for those of TLS.
  if (code === undefined || /^ERR_(?!TLS|SSL)/.test(code)) return error;
  const how = NOTHING_LISTENS.has(code) ? 'nothing listens' : 'the connection broke';
  const next = 'see that the engine runs, then try again';
  return new EngineError('ENGINE_DOWN', `${how} at ${address} (${code}); ${next}`, { cause: error });
}
