/**
 * The login of a registry's own clients: finds out what the registry asks of them, and asks its token service in their
 * name. Keeps neither accounts nor tokens.
 */
import { startOfBody } from './answers.ts';
import { parseChallenges } from './challenge.ts';
import { readAnswer, refuseOpenRealm } from './client.ts';
import { RegistryError } from './errors.ts';
import { tokenIn, tokenServiceOf } from './login.ts';
import { showUrl } from './redact.ts';
import type { HttpAnswer } from './transport.ts';

export interface TokenAsk {
  /** `repository:team/app:pull`; none: only the account is to be proved. */
  scopes: readonly string[];
  /** The client's account, `Basic …`; undefined: it names none. */
  authorization: string | undefined;
  /** Sent besides. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export type TokenAnswer =
  /** The registry asks for no login, or for an account and the client names none. */
  | { kind: 'none' }
  /** It takes the account with every request, and has just taken this one. */
  | { kind: 'basic' }
  | { kind: 'token'; token: string; lifeSeconds: number }
  /** In the words of the registry or of its token service. */
  | { kind: 'refused'; status: number; contentType: string; body: string };

interface Registry {
  host: string;
  baseUrl: string;
  get(url: URL, headers: Record<string, string>): Promise<HttpAnswer>;
}

const MAX_ANSWER_BYTES = 256 * 1024;

/** Throws what `get` throws; UNAUTHORIZED (a login of an unknown kind, or one that would cross the net in the clear), BAD_RESPONSE. */
export async function askForToken(ask: TokenAsk, registry: Registry): Promise<TokenAnswer> {
  const { host, baseUrl, get } = registry;
  const ping = new URL(`${baseUrl}/v2/`);
  const answer = await get(ping, {});
  if (answer.status !== 401 || answer.elsewhere) return answer.status === 200 ? left(answer, 'none') : refusal(answer);
  const challenges = parseChallenges(answer.headers['www-authenticate'] ?? '');
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) {
    answer.discard();
    return fromService(ask, bearer.parameters, registry);
  }
  if (!challenges.some(({ scheme }) => scheme === 'basic')) {
    answer.discard();
    throw new RegistryError('UNAUTHORIZED', `${host}: asks for a login of a kind Shoal does not know.`, {
      status: 401,
    });
  }
  if (ask.authorization === undefined) return left(answer, 'none');
  answer.discard();
  const proof = await get(ping, { authorization: ask.authorization });
  return proof.status === 200 ? left(proof, 'basic') : refusal(proof);
}

async function fromService(
  { scopes, authorization }: TokenAsk,
  parameters: Record<string, string>,
  { host, baseUrl, get }: Registry,
): Promise<TokenAnswer> {
  const { realm, service } = tokenServiceOf(host, parameters);
  refuseOpenRealm(realm, authorization, baseUrl);
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const answer = await get(url, authorization === undefined ? {} : { authorization });
  if (answer.status !== 200) return refusal(answer);
  const subject = `${host}: token service ${showUrl(url)}`;
  const bytes = await readAnswer(answer, { maxBytes: MAX_ANSWER_BYTES, subject });
  const { text: token, lifeSeconds } = tokenIn(parsed(bytes), host);
  return { kind: 'token', token, lifeSeconds };
}

function left(answer: HttpAnswer, kind: 'none' | 'basic'): TokenAnswer {
  answer.discard();
  return { kind };
}

async function refusal(answer: HttpAnswer): Promise<TokenAnswer> {
  const { status, headers } = answer;
  return {
    kind: 'refused',
    status,
    contentType: headers['content-type'] ?? 'text/plain',
    body: await startOfBody(answer),
  };
}

/** What is no JSON has no token in it; the parser's own words would quote it. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
