/**
 * Decides the effective settings of a registry source: where it is, how long to wait, how often to try.
 * Does not talk to anybody.
 */
import { RegistryError } from './errors.ts';

export interface RegistryOptions {
  /** The registry part of references: `harbor.example.com`, `127.0.0.1:5000`, `docker.io`. */
  host: string;
  /** Where it is reached; default `https://<host>`. An `http://` url is taken at its word. */
  url?: string;
  /** `host:port` to connect to in place of what that name means here; name and certificate stay as they are. */
  address?: string;
  username?: string;
  password?: string;
  /** The `Authorization` of somebody else, sent as it is in place of an account and a login of our own. */
  authorization?: string;
  /** PEM of an authority trusted in addition to the public ones. */
  ca?: string;
  /** Told of every byte of manifests and blobs read over the network. */
  onBytes?: (bytes: number) => void;
  connectTimeoutMs?: number;
  /** Until the answer's headers are in. */
  headersTimeoutMs?: number;
  /** Longest silence in the middle of a body. */
  bodyIdleTimeoutMs?: number;
  /** Tries in a row without a byte of progress. */
  maxAttempts?: number;
  firstRetryDelayMs?: number;
  maxRetryDelayMs?: number;
  /** A `Retry-After` longer than this ends the work with RATE_LIMITED or REGISTRY_FAILED. */
  maxRetryAfterMs?: number;
}

/** Settings after defaults. */
export interface RegistrySettings {
  host: string;
  /** Tried in order until one answers; more than one only for this machine's own registries. */
  baseUrls: string[];
  /** False only for this machine's own registries, as the Docker daemon does it. */
  verifyCertificate: boolean;
  credentials?: { username: string; password: string };
  authorization?: string;
  address?: { hostname: string; port: number };
  ca?: string;
  onBytes: (bytes: number) => void;
  connectTimeoutMs: number;
  headersTimeoutMs: number;
  bodyIdleTimeoutMs: number;
  maxAttempts: number;
  firstRetryDelayMs: number;
  maxRetryDelayMs: number;
  maxRetryAfterMs: number;
}

const DOCKER_HUB_URL = 'https://registry-1.docker.io';

export function settingsOf(options: RegistryOptions): RegistrySettings {
  const credentials = credentialsOf(options);
  return {
    host: options.host,
    ...whereOf(options),
    ...(credentials ? { credentials } : {}),
    ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
    ...(options.address === undefined ? {} : { address: addressOf(options.host, options.address) }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    onBytes: options.onBytes ?? (() => {}),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    headersTimeoutMs: options.headersTimeoutMs ?? 30_000,
    bodyIdleTimeoutMs: options.bodyIdleTimeoutMs ?? 30_000,
    maxAttempts: options.maxAttempts ?? 5,
    firstRetryDelayMs: options.firstRetryDelayMs ?? 250,
    maxRetryDelayMs: options.maxRetryDelayMs ?? 10_000,
    maxRetryAfterMs: options.maxRetryAfterMs ?? 60_000,
  };
}

function credentialsOf(options: RegistryOptions): { username: string; password: string } | undefined {
  const { host, username, password } = options;
  if (username === undefined && password === undefined) return undefined;
  if (!username || password === undefined || username.includes(':')) {
    throw new RegistryError(
      'INVALID_OPTIONS',
      `${host}: username and password belong together, and a username has no colon: set both or neither.`,
    );
  }
  return { username, password };
}

/**
 * Registries on this machine are tried over https, then http, without a check of the certificate: the Docker daemon's
 * rule for 127.0.0.0/8 and ::1. An explicit url, address or ca turns that off.
 */
function whereOf(options: RegistryOptions): { baseUrls: string[]; verifyCertificate: boolean } {
  const { host, url, address, ca } = options;
  if (url !== undefined) return { baseUrls: [checkedUrl(host, url)], verifyCertificate: true };
  if (host === 'docker.io') return { baseUrls: [DOCKER_HUB_URL], verifyCertificate: true };
  const https = checkedUrl(host, `https://${host}`);
  const isExplicit = ca !== undefined || address !== undefined;
  if (isExplicit || !isLoopback(new URL(https).hostname)) return { baseUrls: [https], verifyCertificate: true };
  return { baseUrls: [https, checkedUrl(host, `http://${host}`)], verifyCertificate: false };
}

function addressOf(host: string, text: string): NonNullable<RegistrySettings['address']> {
  const [, six, four, port] = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const hostname = six ?? four;
  if (hostname !== undefined && Number(port) > 0 && Number(port) < 65_536) return { hostname, port: Number(port) };
  throw new RegistryError(
    'INVALID_OPTIONS',
    `${host}: the registry's address must be host:port, such as 10.0.0.5:443.`,
  );
}

function checkedUrl(host: string, text: string): string {
  const url = parseUrl(text);
  const plain = url && !url.username && !url.password && !url.search && !url.hash;
  if (!plain || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    // The text may hold a password: it is not repeated.
    throw new RegistryError(
      'INVALID_OPTIONS',
      `${host}: the registry's url must be http://host[:port] or https://host[:port], without login or query.`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
