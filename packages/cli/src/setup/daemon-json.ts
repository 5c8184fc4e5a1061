/**
 * What /etc/docker/daemon.json becomes: Docker Hub's mirror and the proxy of all other registries, added to what is there.
 * Keys, order and indentation of the old text stay; a value of somebody else that says otherwise is never overwritten. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { applyEdits, type JSONPath, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { badHostFile, type PlaceInFile, setupConflict } from './setup-errors.ts';

export interface DaemonSettings {
  /** `http://127.0.0.1:7620`. */
  proxyUrl: string;
  /** Whether Docker Hub is pulled through it. */
  mirror: boolean;
  /** Registries the engine asks the proxy for; empty when it has that from its environment. Engine 23 and later only. */
  proxied: readonly string[];
}

type Json = Record<string, unknown>;

/** Throws CliError BAD_HOST_FILE with line and column, SETUP_CONFLICT. */
export function daemonJsonWith(old: string | undefined, settings: DaemonSettings, path: string): string {
  const text = old === undefined || old.trim() === '' ? '{}\n' : old;
  const before = objectIn(text, path);
  const changes: [JSONPath, unknown][] = [];
  if (settings.mirror) {
    const mirrors = mirrorsOf(before, path);
    // First, as engines ask them in order; those that were there are asked when ours does not have it.
    if (!mirrors.some((mirror) => isSameUrl(mirror, settings.proxyUrl)))
      changes.push([['registry-mirrors'], [settings.proxyUrl, ...mirrors]]);
  }
  if (settings.proxied.length > 0 && !hasProxy(before, settings, path))
    changes.push([['proxies', 'https-proxy'], settings.proxyUrl]);
  return changes.length === 0 ? (old ?? '') : changed(text, changes, path);
}

/** Whether it has a key that engines before 23 refuse to start with: then this one is newer. */
export function hasProxiesKey(old: string | undefined, path: string): boolean {
  return old !== undefined && old.trim() !== '' && objectIn(old, path).proxies !== undefined;
}

export function isSameUrl(a: unknown, b: string): boolean {
  return typeof a === 'string' && a.replace(/\/+$/, '') === b;
}

function objectIn(text: string, path: string): Json {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { disallowComments: true });
  const [error] = errors;
  if (error !== undefined)
    throw badHostFile(placeOf(text, error.offset, path), `is not valid JSON (${printParseErrorCode(error.error)})`);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw badHostFile({ path, line: 1, column: 1 }, 'is not an object');
}

function placeOf(text: string, offset: number, path: string): PlaceInFile {
  const lines = text.slice(0, offset).split('\n');
  return { path, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

function mirrorsOf(json: Json, path: string): unknown[] {
  const mirrors = json['registry-mirrors'] ?? [];
  if (Array.isArray(mirrors)) return mirrors;
  throw setupConflict(path, 'registry-mirrors is not a list; make it one');
}

function hasProxy(json: Json, { proxyUrl, proxied }: DaemonSettings, path: string): boolean {
  const proxies = json.proxies ?? {};
  if (typeof proxies !== 'object' || proxies === null || Array.isArray(proxies))
    throw setupConflict(path, 'proxies is not an object; make it one');
  const { 'https-proxy': given, 'no-proxy': except } = proxies as Json;
  const left = proxied.filter((host) => isExcepted(host, String(except ?? '')));
  if (left.length > 0)
    throw setupConflict(path, `no-proxy keeps ${left.join(', ')} from every proxy; take it out of no-proxy`);
  if (given === undefined || given === '') return false;
  if (isSameUrl(given, proxyUrl)) return true;
  throw setupConflict(
    path,
    `https-proxy is ${JSON.stringify(given)} already, and an engine has only one; remove it there, or pull as localhost:PORT/HOST/NAME`,
  );
}

/** As Go reads NO_PROXY, but for address ranges: `*`, `host`, `host:port`, and a domain for all below it. */
export function isExcepted(host: string, noProxy: string): boolean {
  const bare = host.replace(/:\d+$/, '');
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*' || entry === host || entry === bare) return true;
      return bare.endsWith(entry.startsWith('.') ? entry : `.${entry.replace(/^\*\./, '')}`);
    });
}

function changed(text: string, changes: readonly [JSONPath, unknown][], path: string): string {
  const formattingOptions = formatOf(text);
  const next = changes.reduce(
    (at, [key, value]) => applyEdits(at, modify(at, key, value, { formattingOptions })),
    text,
  );
  // A key that stands there twice is edited at its first place and read at its last.
  for (const [key, value] of changes) {
    const found = key.reduce<unknown>((at, name) => (at as Json)[String(name)], objectIn(next, path));
    if (!isDeepStrictEqual(found, value)) throw setupConflict(path, `${key.join('.')} stands there twice; keep one`);
  }
  return next;
}

function formatOf(text: string): { insertSpaces: boolean; tabSize: number; eol: string } {
  const indent = /\n([ \t]+)"/.exec(text)?.[1] ?? '  ';
  const insertSpaces = !indent.startsWith('\t');
  return { insertSpaces, tabSize: insertSpaces ? indent.length : 1, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}
