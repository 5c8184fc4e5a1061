/**
 * One GET of a registry's API: finds the address that answers, carries the login, re-authenticates once on a 401, and
 * turns any other status than success into an error.
 * Does not retry and does not know what manifests and blobs are.
 */
import { type AnswerContext, errorOfAnswer } from './answers.ts';
import { abortedError, RegistryError } from './errors.ts';
import { createLogin, givenLogin, type Login } from './login.ts';
import type { RegistrySettings } from './options.ts';
import { showUrl } from './redact.ts';
import type { RegistryDependencies } from './retry.ts';
import type { HttpAnswer, Transport } from './transport.ts';

const MAX_TOKEN_ANSWER_BYTES = 256 * 1024;

export interface RegistryRequest {
  repository: string;
  /** Below `/v2/<repository>/`. */
  path: string;
  headers?: Record<string, string>;
  subject: string;
  kind: 'manifest' | 'blob';
  signal?: AbortSignal | undefined;
}

export interface RegistryClient {
  /** An answer of status 200 or 206; anything else is thrown. */
  get(request: RegistryRequest): Promise<HttpAnswer>;
  /** An answer of status 200 or 206 from a url outside the registry: no login goes there. */
  getForeign(url: URL, request: Pick<RegistryRequest, 'headers' | 'subject' | 'signal'>): Promise<HttpAnswer>;
}

export function createRegistryClient(
  settings: RegistrySettings,
  { transport, dependencies }: { transport: Transport; dependencies: RegistryDependencies },
): RegistryClient {
  const hasCredentials = settings.credentials !== undefined || settings.authorization !== undefined;
  const findBaseUrl = createAddressFinder(settings, transport);

  const login = settings.authorization === undefined ? ownLogin() : givenLogin(settings.authorization);

  function ownLogin(): Login {
    return createLogin({
      host: settings.host,
      ...(settings.credentials ? { credentials: settings.credentials } : {}),
      nowMs: dependencies.nowMs,
      fetchToken: async (url, authorization) => {
        refuseOpenRealm(url, authorization, await findBaseUrl());
        const answer = await transport.get(url, authorization === undefined ? {} : { authorization });
        const subject = `${settings.host}: token service ${showUrl(url)}`;
        if (answer.status !== 200) throw await errorOfAnswer(answer, contextOf({ subject, kind: 'token' }));
        return parseToken(await readAnswer(answer, { maxBytes: MAX_TOKEN_ANSWER_BYTES, subject }), subject);
      },
    });
  }

  function contextOf(part: Pick<AnswerContext, 'subject' | 'kind'>, sent?: string): AnswerContext {
    const secrets = sent === undefined ? login.secrets() : [...login.secrets(), sent.replace(/^\S+ /, '')];
    return { ...part, hasCredentials, secrets, nowMs: dependencies.nowMs() };
  }

  return {
    async get(request) {
      const url = new URL(`${await findBaseUrl(request.signal)}/v2/${request.repository}/${request.path}`);
      const { answer, sent } = await getWithLogin({ transport, login }, url, request);
      if (answer.status === 200 || answer.status === 206) return answer;
      const where = answer.elsewhere ? ` from ${showUrl(answer.url)}` : '';
      const context = contextOf({ subject: `${request.subject}${where}`, kind: request.kind }, sent);
      throw await errorOfAnswer(answer, answer.elsewhere ? { ...context, hasCredentials: false } : context);
    },
    async getForeign(url, request) {
      const answer = await transport.get(url, request.headers ?? {}, request.signal);
      if (answer.status === 200 || answer.status === 206) return answer;
      const subject = `${request.subject} from ${showUrl(url)}`;
      throw await errorOfAnswer(answer, { ...contextOf({ subject, kind: 'blob' }), hasCredentials: false });
    },
  };
}

async function getWithLogin(
  { transport, login }: { transport: Transport; login: Login },
  url: URL,
  { repository, headers, signal }: RegistryRequest,
): Promise<{ answer: HttpAnswer; sent: string | undefined }> {
  const scope = `repository:${repository}:pull`;
  const get = (authorization: string | undefined) =>
    transport.get(url, authorization === undefined ? { ...headers } : { ...headers, authorization }, signal);
  const sent = await orAbort(login.authorizationFor(scope), signal);
  const answer = await get(sent);
  // A 401 of a host we were redirected to is not the registry's: our login is none of its business.
  if (answer.status !== 401 || answer.elsewhere) return { answer, sent };
  const refusal = { challenge: answer.headers['www-authenticate'] ?? '', sent };
  const better = await orAbort(login.afterRefusal(scope, refusal), signal).catch((error: unknown) => {
    answer.discard();
    throw error;
  });
  // No better login: the answer is the registry's last word, and its words are worth reading.
  if (better === undefined) return { answer, sent };
  answer.discard();
  return { answer: await get(better), sent: better };
}

/** A token is fetched for every reader that waits for it, so one reader's signal ends only its own waiting. */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortedError('waiting for a token', signal.reason));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** An https registry that points to an http token service would have us send the password in the clear. Throws UNAUTHORIZED. */
export function refuseOpenRealm(realm: URL, authorization: string | undefined, baseUrl: string): void {
  if (authorization === undefined || realm.protocol === 'https:' || baseUrl.startsWith('http:')) return;
  throw new RegistryError(
    'UNAUTHORIZED',
    `${showUrl(realm)}: the password is not sent to a token service over plain http. Correct the registry's external url.`,
  );
}

/** Settles once for the first address that answers at all, whatever it answers. */
export function createAddressFinder(settings: RegistrySettings, transport: Transport) {
  let settled: string | undefined;
  return async (signal?: AbortSignal): Promise<string> => {
    const [only, ...others] = settings.baseUrls as [string, ...string[]];
    if (settled !== undefined || others.length === 0) return settled ?? only;
    const failures: RegistryError[] = [];
    for (const baseUrl of settings.baseUrls) {
      try {
        (await transport.get(new URL(`${baseUrl}/v2/`), {}, signal)).discard();
        settled = baseUrl;
        return baseUrl;
      } catch (error) {
        if (!(error instanceof RegistryError) || error.code === 'ABORTED') throw error;
        failures.push(error);
      }
    }
    const messages = failures.map(({ message }) => message).join(' ');
    throw new RegistryError('UNREACHABLE', `neither https nor http answers: ${messages}`, { cause: failures[0] });
  };
}

export async function readAnswer(
  answer: HttpAnswer,
  { maxBytes, subject, onBytes }: { maxBytes: number; subject: string; onBytes?: (bytes: number) => void },
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    onBytes?.(chunk.length);
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new RegistryError('BAD_RESPONSE', `${subject}: the answer is larger than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseToken(bytes: Buffer, subject: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The parser's own words would quote the token.
    throw new RegistryError('BAD_RESPONSE', `${subject}: the answer is no JSON.`);
  }
}
