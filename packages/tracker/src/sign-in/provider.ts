/**
 * Asks an OpenID Connect provider who somebody is: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), the
 * ID token's signature checked against the provider's keys. Decides nothing about roles.
 */
import { createHash } from 'node:crypto';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  customFetch,
  type DiscoveryRequestOptions,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  type ServerMetadata,
} from 'openid-client';
import { Agent, fetch } from 'undici';
import type { OidcOptions } from './options.ts';
import { type Claims, groupsOf } from './person.ts';

export interface Provider {
  /** Where to send a browser that holds `secret`, from which all that binds the two ways together is derived. */
  addressFor(secret: string): Promise<string>;
  /** What the provider says of who came back to `callback`, the address with its query. Throws errors of openid-client. */
  claimsOf(callback: URL, secret: string): Promise<Claims>;
  close(): Promise<void>;
}

const TIMEOUT_S = 10;
const METADATA_MS = 3_600_000;

/** `callback`: the tracker's own address that the provider sends browsers back to. */
export function createProvider(options: OidcOptions, callback: string): Provider {
  const dispatcher = new Agent({ connect: options.ca === undefined ? {} : { ca: options.ca } });
  const request = ((url, init) =>
    fetch(url, { ...(init as object), dispatcher }) as unknown as Promise<Response>) satisfies CustomFetch;
  const execute = [enableNonRepudiationChecks];
  if (new URL(options.issuer).protocol === 'http:') execute.push(allowInsecureRequests);
  const discover: DiscoveryRequestOptions = { [customFetch]: request, execute, timeout: TIMEOUT_S };
  let known: { metadata: Promise<ServerMetadata>; atMs: number } | undefined;

  /** Asked for when it is needed: the tracker starts whether the provider is there or not. */
  const metadata = (): Promise<ServerMetadata> => {
    if (known && performance.now() - known.atMs < METADATA_MS) return known.metadata;
    const found = discovery(new URL(options.issuer), options.clientId, undefined, None(), discover);
    const fresh = { metadata: found.then((one) => one.serverMetadata()), atMs: performance.now() };
    known = fresh;
    fresh.metadata.catch(() => {
      if (known === fresh) known = undefined;
    });
    return fresh.metadata;
  };
  const configure = async (): Promise<Configuration> => {
    const server = await metadata();
    const config = new Configuration(server, options.clientId, undefined, authOf(server, options.clientSecret?.()));
    config[customFetch] = request;
    config.timeout = TIMEOUT_S;
    for (const extend of execute) extend(config);
    return config;
  };

  return {
    async addressFor(secret) {
      const { state, nonce, verifier } = checksOf(secret);
      return buildAuthorizationUrl(await configure(), {
        ...{ redirect_uri: callback, scope: options.scope, state, nonce },
        ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' },
      }).href;
    },
    async claimsOf(address, secret) {
      const { state, nonce, verifier } = checksOf(secret);
      const config = await configure();
      const tokens = await authorizationCodeGrant(config, address, {
        ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
      });
      const claims = tokens.claims() ?? { sub: '' };
      // Some put groups there only, to keep the ID token short.
      const isElsewhere = groupsOf(claims, options.roles.claim) === undefined;
      if (!isElsewhere || config.serverMetadata().userinfo_endpoint === undefined) return claims;
      return { ...claims, ...(await fetchUserInfo(config, tokens.access_token, claims.sub)) };
    },
    close: () => dispatcher.close(),
  };
}

/** OpenID Connect Discovery 3: a provider that names no way of authentication takes the basic one. */
function authOf(server: ServerMetadata, secret: string | undefined): ClientAuth {
  if (secret === undefined) return None();
  const ways = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return ways.includes('client_secret_basic') ? ClientSecretBasic(secret) : ClientSecretPost(secret);
}

/** Each 43 characters that nobody can tell without the secret, nor one from another. */
function checksOf(secret: string): Record<'state' | 'nonce' | 'verifier', string> {
  const derive = (use: string) => createHash('sha256').update(`${use} ${secret}`).digest('base64url');
  return { state: derive('state'), nonce: derive('nonce'), verifier: derive('verifier') };
}
