/**
 * People sign in at their own identity provider: the browser goes there and comes back with a code, the tracker asks
 * the provider who that is, and gives the page a token that ends by itself. All that a sign-in under way needs lies in a
 * cookie of that browser, so nobody can fill the tracker's memory, and nobody can be signed in as somebody else.
 */
import { randomBytes } from 'node:crypto';
import { type CookieSerializeOptions, fastifyCookie } from '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { signedInSchema, signInWaysSchema } from '../client/sign-in-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import { routeSchema } from '../http/json-schema.ts';
import type { TokenStore } from '../store/token-store.ts';
import { createFailureLog } from './failures.ts';
import type { OidcOptions } from './options.ts';
import { personOf, plainText } from './person.ts';
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
const MAX_AT_ONCE = 200;

export async function addSignInRoutes(app: FastifyInstance, deps: SignInRouteDeps): Promise<void> {
  const { oidc, publicUrl } = deps;
  const begin = oidc && publicUrl !== undefined ? `${publicUrl}${BEGIN_PATH}` : undefined;
  const schema = routeSchema({ summary: 'How people sign in', answers: { 200: signInWaysSchema }, open: true });
  app.get(WAYS_PATH, { schema }, async () => ({ token: true, ...(begin !== undefined && { oidc: begin }) }));
  if (oidc === undefined) return;
  if (publicUrl === undefined) throw new TrackerError('BAD_OPTIONS', 'oidc needs publicUrl');
  await app.register(fastifyCookie, { secret: randomBytes(32) });
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
  const failures = createFailureLog(log, clock);
  const failed = (error: unknown, hidden?: string | null) =>
    `${publicUrl}/#/sign-in-failed/${failures.note(error, hidden)}`;
  let underWay = 0;

  app.get(BEGIN_PATH, { schema: { hide: true } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    const secret = `${randomBytes(32).toString('base64url')}.${clock.now()}`;
    try {
      const address = await provider.addressFor(secret);
      reply.setCookie(SECRET_COOKIE, secret, { ...cookie, signed: true, sameSite: 'lax', maxAge: SECRET_S });
      return reply.redirect(address);
    } catch (error) {
      return reply.redirect(failed(error));
    }
  });

  /** Only what this tracker gave out lately gets it to ask the provider. */
  const secretOf = ({ cookies, unsignCookie }: FastifyRequest): string => {
    const { valid, value } = unsignCookie(cookies[SECRET_COOKIE] ?? '');
    const isLate = clock.now() - Number(value?.split('.')[1]) > SECRET_S * 1000;
    if (!valid || value === null || isLate) throw new TrackerError('SIGN_IN_EXPIRED');
    return value;
  };
  const enter = async (address: URL, secret: string): Promise<string> => {
    if (underWay >= MAX_AT_ONCE) throw new TrackerError('SIGN_IN_FAILED', 'too many sign in at once; try again');
    underWay++;
    const claims = await provider.claimsOf(address, secret).finally(() => underWay--);
    const { name, role } = personOf(claims, oidc.roles);
    if (role === undefined) throw new TrackerError('NO_ROLE', `${name}; ${ruleText(oidc)}`);
    const now = clock.now();
    const { id, token } = tokens.create({ role, name }, now, now + oidc.lastsMs);
    log.info({ person: name, subject: plainText(String(claims.sub)), role, tokenId: id }, 'a person signed in');
    return token;
  };
  app.get(CALLBACK_PATH, { schema: { hide: true } }, async (request, reply) => {
    reply.header('cache-control', 'no-store').clearCookie(SECRET_COOKIE, cookie);
    const address = new URL(`${publicUrl}${CALLBACK_PATH}${new URL(request.url, publicUrl).search}`);
    try {
      const token = await enter(address, secretOf(request));
      reply.setCookie(TOKEN_COOKIE, token, { ...cookie, sameSite: 'strict', maxAge: TOKEN_S });
    } catch (error) {
      return reply.redirect(failed(error, address.searchParams.get('code')));
    }
    return reply.redirect(`${publicUrl}/#/signed-in`);
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
      if (token === undefined || !tokens.find(token, clock.now())) throw new TrackerError('SIGN_IN_EXPIRED');
      reply.header('cache-control', 'no-store').clearCookie(TOKEN_COOKIE, cookie);
      return { token };
    },
  );
}

function ruleText({ roles: { claim, admins, readers } }: OidcOptions): string {
  return `the claim ${claim} has none of ${[...admins, ...readers].join(', ')}`;
}
