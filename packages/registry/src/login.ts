/**
 * Decides which `Authorization` a request carries: none, Basic, or a Bearer token fetched for one repository and kept
 * until shortly before it ends.
 * Does not send the request itself; asks the token service through the function it is given.
 */

import { parseChallenges } from './challenge.ts';
import { RegistryError } from './errors.ts';

export interface LoginSettings {
  host: string;
  credentials?: { username: string; password: string };
  nowMs(): number;
  /** GETs the token service's JSON, with this `Authorization`. Throws RegistryError on any status but 200. */
  fetchToken(url: URL, authorization: string | undefined): Promise<unknown>;
}

export interface Login {
  /** What to send now, as far as is known without being asked. */
  authorizationFor(scope: string): Promise<string | undefined>;
  /** What to send after a 401 with this `WWW-Authenticate`; undefined when there is nothing better. */
  afterRefusal(scope: string, refusal: { challenge: string; sent: string | undefined }): Promise<string | undefined>;
  /** Every text that must not be shown. */
  secrets(): string[];
}

export interface TokenService {
  realm: URL;
  service: string | undefined;
  /** As the registry spells it; ours when it names none. */
  scope: string | undefined;
}

interface Token {
  text: string;
  validUntilMs: number;
}

/** Distribution spec: a token without `expires_in` lives 60 s; shorter lives are taken as that too, as docker does. */
const MIN_TOKEN_LIFE_SECONDS = 60;
const MAX_RENEWAL_MARGIN_MS = 30_000;

export function createLogin(settings: LoginSettings): Login {
  const services = new Map<string, TokenService>();
  const tokens = new Map<string, Promise<Token>>();
  const shown = new Set<string>();
  const basic = basicAuthorization(settings.credentials);
  let usesBasic = false;

  async function bearer(scope: string, service: TokenService): Promise<string> {
    await dropIf(scope, (token) => token.validUntilMs <= settings.nowMs());
    const pending = tokens.get(scope) ?? requested(scope, service);
    return `Bearer ${(await pending).text}`;
  }

  /** Readers that want a token at the same time share one request. */
  function requested(scope: string, service: TokenService): Promise<Token> {
    const pending = requestToken(settings, { scope, service, basic });
    tokens.set(scope, pending);
    pending.then(
      (token) => shown.add(token.text),
      () => tokens.delete(scope),
    );
    return pending;
  }

  async function dropIf(scope: string, unwanted: (token: Token) => boolean): Promise<void> {
    const pending = tokens.get(scope);
    const token = await pending?.catch(() => undefined);
    // Another reader may have replaced it while we looked.
    if (token === undefined || !unwanted(token) || tokens.get(scope) !== pending) return;
    tokens.delete(scope);
    shown.delete(token.text);
  }

  return {
    async authorizationFor(scope) {
      const service = services.get(scope);
      if (service) return bearer(scope, service);
      return usesBasic ? basic : undefined;
    },
    async afterRefusal(scope, { challenge, sent }) {
      const challenges = parseChallenges(challenge);
      const asked = challenges.find(({ scheme }) => scheme === 'bearer');
      if (asked) services.set(scope, tokenServiceOf(settings.host, asked.parameters));
      // Harbor answers an expired token with a Basic challenge: what it asked for at first still counts.
      const service = services.get(scope);
      if (service) {
        await dropIf(scope, (token) => sent === `Bearer ${token.text}`);
        return bearer(scope, service);
      }
      if (!challenges.some(({ scheme }) => scheme === 'basic')) {
        throw new RegistryError('UNAUTHORIZED', `${settings.host}: asks for a login of a kind Shoal does not know.`, {
          status: 401,
        });
      }
      if (basic === undefined || sent === basic) return undefined;
      usesBasic = true;
      return basic;
    },
    secrets: () => [...shown, ...secretsOf(settings.credentials)],
  };
}

/** A login that somebody else has made: shown as it is, and never renewed. */
export function givenLogin(authorization: string): Login {
  return {
    authorizationFor: async () => authorization,
    afterRefusal: async () => undefined,
    secrets: () => [authorization, authorization.replace(/^\S+ /, '')],
  };
}

/** Throws BAD_RESPONSE. */
export function tokenServiceOf(host: string, parameters: Record<string, string>): TokenService {
  const text = parameters.realm ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) {
    throw new RegistryError('BAD_RESPONSE', `${host}: sends us for a token to a realm that is no http(s) url.`);
  }
  return { realm, service: parameters.service, scope: parameters.scope };
}

async function requestToken(
  settings: LoginSettings,
  { scope, service, basic }: { scope: string; service: TokenService; basic: string | undefined },
): Promise<Token> {
  const url = new URL(service.realm);
  if (service.service !== undefined) url.searchParams.set('service', service.service);
  url.searchParams.set('scope', service.scope ?? scope);
  const askedAtMs = settings.nowMs();
  const answer = await settings.fetchToken(url, basic);
  const { text, lifeSeconds } = tokenIn(answer, settings.host);
  const lifeMs = lifeSeconds * 1000;
  return { text, validUntilMs: askedAtMs + lifeMs - Math.min(MAX_RENEWAL_MARGIN_MS, lifeMs / 4) };
}

/** What a token service answers. Throws BAD_RESPONSE. */
export function tokenIn(answer: unknown, host: string): { text: string; lifeSeconds: number } {
  const { token, access_token, expires_in } = (answer ?? {}) as Record<string, unknown>;
  // Harbor sends both, `access_token` empty: `token` first, and an empty one does not count.
  const text = [token, access_token].find((one): one is string => typeof one === 'string' && one !== '');
  if (text === undefined || /[^\x21-\x7e]/.test(text)) {
    throw new RegistryError('BAD_RESPONSE', `${host}: its token service answered without a token.`);
  }
  const lifeSeconds =
    typeof expires_in === 'number' && expires_in > MIN_TOKEN_LIFE_SECONDS ? expires_in : MIN_TOKEN_LIFE_SECONDS;
  return { text, lifeSeconds };
}

function basicAuthorization(credentials: LoginSettings['credentials']): string | undefined {
  if (!credentials) return undefined;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

function secretsOf(credentials: LoginSettings['credentials']): string[] {
  const basic = basicAuthorization(credentials);
  return credentials && basic ? [credentials.password, basic.slice('Basic '.length)] : [];
}
