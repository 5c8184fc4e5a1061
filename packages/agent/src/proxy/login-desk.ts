/**
 * The login of engines that name the proxy itself (`localhost:7620/…`). They ask it where to get a token before they
 * say for which registry, and name repositories with the registry's host in front: so the token service they are sent to
 * is ours. It asks the right registry's own, in the client's name. No account and no token is kept.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenAnswer, Upstream } from '@shoal/registry';
import { answerFault, type ProxyFault } from './faults.ts';
import { isAway, SOURCE } from './forward.ts';
import { placeOf } from './place.ts';
import { type KnownRegistries, repositoryAt } from './route.ts';

export interface LoginDeskParts {
  known: KnownRegistries;
  upstreams: ReadonlyMap<string, Upstream>;
  /** Whether a registry that is away is taken for one that asks for no login: what it said before may still count. */
  trustsAway: boolean;
}

export interface LoginDesk {
  /** False: it is no question of this kind. `target`: path and query. */
  answer(request: IncomingMessage, response: ServerResponse, target: string): Promise<boolean>;
}

interface TokenOrder {
  /** Undefined: nothing says which of several registries is meant. */
  host: string | undefined;
  scopes: string[];
}

const PING = '/v2/';
const TOKEN_PATH = '/shoal/token';
const SERVICE = 'shoal';
/** Ours, in place of what a registry without a token service takes itself. */
const OURS = /^Bearer shoal\.([\w-]+)$/;
/** Docker asks again when it is over. */
const OURS_SECONDS = 300;
const SCOPE = /^([a-z]+(?:\([a-z\d]+\))?):([\w./:-]+):([a-z,*]+)$/;
const MOST_SCOPES = 16;

export function createLoginDesk({ known, upstreams, trustsAway }: LoginDeskParts): LoginDesk {
  const giveToken = async (request: IncomingMessage, response: ServerResponse, query: string): Promise<void> => {
    const order = orderOf(new URLSearchParams(query), known);
    if ('status' in order) return answerFault(response, order);
    const { host } = order;
    const upstream = host === undefined ? undefined : upstreams.get(host);
    // An account that is sent to the wrong registry is given away: the pull that names one will tell.
    if (host === undefined || upstream === undefined) return sendToken(response, ourToken('', undefined));
    const { authorization: said = '' } = request.headers;
    const authorization = /^Basic /i.test(said) ? said : undefined;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const answer = await upstream
      .token({ scopes: order.scopes, authorization, headers: viaOf(request), signal: gone.signal })
      .catch((error: unknown): TokenAnswer => {
        if (trustsAway && isAway({ error })) return { kind: 'none' };
        throw error;
      });
    if (answer.kind === 'token') return sendToken(response, answer.token, answer.lifeSeconds);
    if (answer.kind !== 'refused')
      return sendToken(response, ourToken(host, answer.kind === 'basic' ? said : undefined));
    if (trustsAway && isAway(answer)) return sendToken(response, ourToken(host, undefined));
    response.writeHead(answer.status, { 'content-type': answer.contentType }).end(answer.body);
  };

  return {
    async answer(request, response, target) {
      const [path = '', query = ''] = target.split('?', 2);
      if (path === TOKEN_PATH) {
        if (request.method === 'GET') await giveToken(request, response, query);
        else response.writeHead(405, { allow: 'GET', 'content-length': 0 }).end();
        return true;
      }
      if (target !== PING || request.method !== 'GET') return false;
      const { authorization } = request.headers;
      if (authorization === undefined) askForLogin(request, response);
      else if (OURS.test(authorization)) pong(response);
      else return false;
      return true;
    },
  };
}

/** What a client that may have a token of ours says to this registry. One that was meant for another is not passed on. */
export function authorizationAt(host: string, authorization: string | undefined): string | undefined {
  const ours = OURS.exec(authorization ?? '')?.[1];
  if (ours === undefined) return authorization;
  try {
    const said = JSON.parse(Buffer.from(ours, 'base64url').toString('utf8')) as { host?: unknown; basic?: unknown };
    return said.host === host && typeof said.basic === 'string' ? said.basic : undefined;
  } catch {
    return undefined;
  }
}

/** There is a registry here, and it asks for no login now. */
export function pong(response: ServerResponse): void {
  response.writeHead(200, { 'docker-distribution-api-version': 'registry/2.0', [SOURCE]: 'cache' }).end('{}');
}

/** The account stays with its owner: who has nothing but Basic gets it back in the one form that Docker then sends. */
function ourToken(host: string, basic: string | undefined): string {
  return `shoal.${Buffer.from(JSON.stringify({ host, basic })).toString('base64url')}`;
}

function orderOf(query: URLSearchParams, known: KnownRegistries): TokenOrder | ProxyFault {
  const texts = query.getAll('scope').flatMap((text) => text.split(' ').filter((one) => one !== ''));
  if (texts.length > MOST_SCOPES) return denied(`more than ${MOST_SCOPES} scopes`);
  const [only] = known.hosts.size === 1 ? known.hosts : [];
  let host = texts.length === 0 ? only : undefined;
  const scopes: string[] = [];
  for (const text of texts) {
    const [, type, name = '', actions] = SCOPE.exec(text) ?? [];
    if (type === undefined) return denied('a scope is not type:name:actions');
    const isRepository = type.startsWith('repository');
    const place = isRepository ? repositoryAt(name, known) : { host: known.default, repository: name };
    if ('status' in place) return place;
    if (scopes.length > 0 && place.host !== host) return denied('scopes of several registries in one token');
    host = place.host;
    scopes.push(`${type}:${place.repository}:${actions}`);
  }
  return { host, scopes };
}

function denied(message: string): ProxyFault {
  return { status: 400, code: 'DENIED', message };
}

/** The client found us under this name, so it finds our token service there, too. */
function askForLogin(request: IncomingMessage, response: ServerResponse): void {
  const { host = '' } = request.headers;
  const here = placeOf(host, 80) === undefined ? `127.0.0.1:${request.socket.localPort}` : host;
  response.setHeader('www-authenticate', `Bearer realm="http://${here}${TOKEN_PATH}",service="${SERVICE}"`);
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  answerFault(response, { status: 401, code: 'UNAUTHORIZED', message: 'authentication required' });
}

function sendToken(response: ServerResponse, token: string, lifeSeconds = OURS_SECONDS): void {
  const body = JSON.stringify({ token, access_token: token, expires_in: lifeSeconds, issued_at: new Date() });
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body);
}

function viaOf({ headers: { via } }: IncomingMessage): Record<string, string> {
  return via === undefined ? {} : { via };
}
