/**
 * Where the Docker Engine listens: parses an address and knows each platform's default.
 *
 * The platform is an argument, so both sides are tested everywhere. Opens no connection.
 */

import { EngineError } from './errors.ts';

/** `socketPath` is a unix socket or a named pipe in Windows' own form; `origin` is `http(s)://host:port`. */
export type EngineAddress = { kind: 'socket'; socketPath: string } | { kind: 'http'; origin: string };

const DEFAULT_TCP_PORT = 2375;
const PIPE_PREFIX = '\\\\.\\pipe\\';
const FORMS = 'unix:///path, npipe:////./pipe/name, tcp://host:port, http://host:port or https://host:port';

export function defaultEngineAddress(platform: NodeJS.Platform): string {
  return platform === 'win32' ? 'npipe:////./pipe/docker_engine' : 'unix:///var/run/docker.sock';
}

/** Accepts what `DOCKER_HOST` accepts plus a bare path; throws INVALID_ADDRESS naming the forms there are. */
export function parseEngineAddress(address: string, platform: NodeJS.Platform): EngineAddress {
  const pipe = parsePipe(address);
  if (pipe !== undefined) return onlyOn(platform === 'win32', address, { kind: 'socket', socketPath: pipe });
  const socketPath = parseUnixPath(address);
  if (socketPath !== undefined) return onlyOn(platform !== 'win32', address, { kind: 'socket', socketPath });
  return { kind: 'http', origin: parseOrigin(address) };
}

function parsePipe(address: string): string | undefined {
  const path = address.replace(/^npipe:\/\//, '').replaceAll('/', '\\');
  const name = /^\\\\\.\\pipe\\(.+)$/.exec(path)?.[1];
  if (name !== undefined) return PIPE_PREFIX + name;
  if (address.startsWith('npipe:')) throw invalid(address, `a pipe is written npipe:////./pipe/name`);
  return undefined;
}

function parseUnixPath(address: string): string | undefined {
  if (address.startsWith('/')) return address;
  if (!address.startsWith('unix://')) return undefined;
  const path = address.slice('unix://'.length);
  if (!path.startsWith('/')) throw invalid(address, 'the path of the socket must be absolute');
  return path;
}

function parseOrigin(address: string): string {
  const asHttp = address.replace(/^tcp:\/\//, 'http://');
  if (!/^https?:\/\//.test(asHttp) || !URL.canParse(asHttp)) throw invalid(address, `use ${FORMS}`);
  const url = new URL(asHttp);
  if (url.username !== '' || url.password !== '') throw invalid('(hidden)', 'credentials do not belong in the address');
  if (url.pathname !== '/' || url.search !== '') throw invalid(address, 'a path is not supported');
  const port =
    url.port === '' && address.startsWith('tcp://') && !/:\d+\/?$/.test(address) ? `:${DEFAULT_TCP_PORT}` : '';
  return url.origin + port;
}

function onlyOn(fits: boolean, address: string, parsed: EngineAddress): EngineAddress {
  if (fits) return parsed;
  const hint = address.includes('pipe')
    ? 'named pipes exist on Windows only'
    : 'on Windows the engine has a named pipe';
  throw invalid(address, `${hint}; use ${FORMS}`);
}

function invalid(address: string, what: string): EngineError {
  return new EngineError('INVALID_ADDRESS', `'${address}': ${what}`);
}
