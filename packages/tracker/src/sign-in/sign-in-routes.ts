/**
 * People sign in at their own identity provider: the browser goes there and comes back with a code, the tracker asks
 * the provider who that is, and gives the page a token that ends by itself. All that a sign-in under way needs lies in a
 * cookie of that browser, so nobody can fill the tracker's memory, and nobody can be signed in as somebody else.
 */
import { randomBytes } from 'node:crypto';
import { type CookieSerializeOptions, fastifyCookie } from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { signedInSchema, signInWaysSchema } from '../client/sign-in-schemas.ts';
import type { Clock } from '../clock.ts';
import { type ErrorCode, TrackerError } from '../errors.ts';
import { routeSchema } from '../http/json-schema.ts';
import type { TokenStore } from '../store/token-store.ts';
import type { OidcOptions } from './options.ts';
import { personOf } from './person.ts';
import { createProvider } from './provider.ts';

export interface SignInRouteDeps {
  /** Undefined: people have tokens only. */
  oidc: OidcOptions | undefined;
  /** Where browsers reach the tracker, without a slash at its end. */
  publicUrl: string | undefined;
  tokens: TokenStore;
  clock: Clock;
  log: Logger;
}

const WAYS_PATH = '/v1/sign-in';
const BEGIN_PATH = '/v1/sign-in/oidc';
const CALLBACK_PATH = '/v1/sign-in/oidc/callback';
const TOKEN_PATH = '/v1/sign-in/token';
/** Binds the way to the provider to the way back. */
const SECRET_COOKIE = 'shoal_sign_in';
/** Carries the token from the way back to the page, which takes it at once. */
const TOKEN_COOKIE = 'shoal_signed_in';
const SECRET_S = 600;
const TOKEN_S = 60;
/** More at once is nobody's Monday morning. */
const MAX_AT_ONCE = 50;

export async function addSignInRoutes(app: FastifyInstance, deps: SignInRouteDeps): Promise<void> {
  const { oidc, publicUrl } = deps;
  const begin = oidc && publicUrl !== undefined ? `${publicUrl}${BEGIN_PATH}` : undefined;
  const schema = routeSchema({ summary: 'How people sign in', answers: { 200: signInWaysSchema }, open: true });
  app.get(WAYS_PATH, { schema }, async () => ({ token: true, ...(begin !== undefined && { oidc: begin }) }));
  if (oidc === undefined) return;
  if (publicUrl === undefined) throw new TrackerError('BAD_OPTIONS', 'oidc needs publicUrl');
  await app.register(fastifyCookie);
  addOidcRoutes(app, { ...deps, oidc, publicUrl });
}

type OidcDeps = SignInRouteDeps & { oidc: OidcOptions; publicUrl: string };

function addOidcRoutes(app: FastifyInstance, deps: OidcDeps): void {
  const { oidc, publicUrl, clock, tokens, log } = deps;
  const provider = createProvider(oidc, `${publicUrl}${CALLBACK_PATH}`);
  app.addHook('onClose', () => provider.close());
  const { pathname, protocol } = new URL(publicUrl);
  const cookie: CookieSerializeOptions = {
    ...{ path: `${pathname.replace(/\/$/, '')}${WAYS_PATH}`, httpOnly: true, secure: protocol === 'https:' },
  };
  let underWay = 0;
  const bounded = async <T>(run: () => Promise<T>): Promise<T> => {
    if (underWay >= MAX_AT_ONCE) throw new TrackerError('SIGN_IN_FAILED', 'too many sign in at once; try again');
    underWay++;
    return await run().finally(() => underWay--);
  };
  const page = (path: string) => `${publicUrl}/#/${path}`;
  const failed = (error: unknown): string => {
    const { code, message } = failureOf(error);
    log.warn({ code, reason: message }, 'a person could not sign in');
    return page(`sign-in-failed/${code}`);
  };

  app.get(BEGIN_PATH, { schema: { hide: true } }, async (_request, reply) => {
    const secret = randomBytes(32).toString('base64url');
    const address = await bounded(() => provider.addressFor(secret)).catch(failed);
    reply.header('cache-control', 'no-store');
    reply.setCookie(SECRET_COOKIE, secret, { ...cookie, sameSite: 'lax', maxAge: SECRET_S });
    return reply.redirect(address);
  });

  const enter = async (address: URL, secret: string | undefined): Promise<string> => {
    if (secret === undefined) throw new TrackerError('SIGN_IN_EXPIRED');
    const { name, role } = personOf(await provider.claimsOf(address, secret), oidc.roles);
    if (role === undefined) throw new TrackerError('NO_ROLE', `${name}; ${ruleText(oidc)}`);
    log.info({ person: name, role }, 'a person signed in');
    const now = clock.now();
    return tokens.create({ role, name }, now, now + oidc.lastsMs).token;
  };
  app.get(CALLBACK_PATH, { schema: { hide: true } }, async (request, reply) => {
    reply.header('cache-control', 'no-store').clearCookie(SECRET_COOKIE, cookie);
    const address = new URL(`${publicUrl}${CALLBACK_PATH}${request.url.slice(request.url.indexOf('?'))}`);
    try {
      const token = await bounded(() => enter(address, request.cookies[SECRET_COOKIE]));
      reply.setCookie(TOKEN_COOKIE, token, { ...cookie, sameSite: 'strict', maxAge: TOKEN_S });
    } catch (error) {
      return reply.redirect(failed(error));
    }
    return reply.redirect(page('signed-in'));
  });

  app.post(
    TOKEN_PATH,
    {
      schema: routeSchema({
        summary: 'Once after a sign-in, by the page: the token that its browser was given',
        answers: { 200: signedInSchema },
        open: true,
      }),
    },
    async (request, reply) => {
      const token = request.cookies[TOKEN_COOKIE];
      if (token === undefined) throw new TrackerError('SIGN_IN_EXPIRED');
      reply.header('cache-control', 'no-store').clearCookie(TOKEN_COOKIE, cookie);
      return { token };
    },
  );
}

function ruleText({ roles: { claim, admins, readers } }: OidcOptions): string {
  return `the claim ${claim} has none of ${[...admins, ...readers].join(', ')}`;
}

/** Of an answer of the provider its error and nothing it was given: codes and tokens are no matter for a log. */
function failureOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof TrackerError) return error;
  const { message, error: refusal, error_description: description, cause } = error as OpenIdError;
  const causes = Array.isArray(cause) ? cause.map(challengeText) : [cause instanceof Error ? cause.message : undefined];
  const isRefused = refusal === 'access_denied';
  return {
    code: isRefused ? 'SIGN_IN_REFUSED' : 'SIGN_IN_FAILED',
    message: [message, refusal, description, ...causes].filter(Boolean).join(': '),
  };
}

/** Of RFC 6749 section 5.2, beside the message in openid-client's errors; a challenge (RFC 6750 section 3) is a cause. */
interface OpenIdError extends Error {
  error?: string;
  error_description?: string;
}

function challengeText({ parameters }: { parameters?: Record<string, string> }): string {
  return [parameters?.error, parameters?.error_description].filter(Boolean).join(': ');
}
