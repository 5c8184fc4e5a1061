/**
 * Puts the layers of settings on top of each other: flag over env over file. Decides which of them a value comes from
 * and what its text means. Does not judge values and knows no defaults.
 */
import { dirname, resolve } from 'node:path';
import type { ConfigKey } from './keys.ts';
import type { ConfigPath, YamlFile } from './yaml-file.ts';

export type SourceKind = 'flag' | 'env' | 'file' | 'default';

export interface ValueSource {
  kind: SourceKind;
  /** `--peer-port`, `SHOAL_PEER_PORT` or `agent.yaml:3:5`; undefined for defaults. */
  at: string | undefined;
}

export interface LayerInput {
  keys: readonly ConfigKey[];
  file: { path: string; yaml: YamlFile } | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** Options as commander parsed them: `peerPort` for `--peer-port`. */
  flags: Readonly<Record<string, unknown>>;
  cwd: string;
}

export interface Layers {
  /** In the form of the file, with the file's unknown keys still in it. */
  raw: Record<string, unknown>;
  value(path: ConfigPath | string): unknown;
  sourceOf(path: string): ValueSource;
}

export function mergeLayers({ keys, file, env, flags, cwd }: LayerInput): Layers {
  const raw = structuredClone(file?.yaml.value ?? {});
  if (file !== undefined) resolvePaths(raw, keys, dirname(resolve(cwd, file.path)));
  const sources = new Map<string, ValueSource>();
  for (const key of keys) {
    const given = flagOf(key, flags) ?? envOf(key, env);
    if (given === undefined) continue;
    const { text, source } = given;
    const isPath = key.kind === 'file' || key.kind === 'folder';
    if (setIn(raw, key.path.split('.'), isPath ? resolve(cwd, text) : meaningOf(key, text)))
      sources.set(key.path, source);
  }
  const value: Layers['value'] = (path) => getIn(raw, typeof path === 'string' ? partsOf(path) : path);
  const sourceOf = (path: string): ValueSource => {
    const named = sources.get(path);
    if (named !== undefined) return named;
    if (file === undefined || getIn(file.yaml.value, partsOf(path)) === undefined)
      return { kind: 'default', at: undefined };
    return { kind: 'file', at: file.yaml.at(partsOf(path), 'value') };
  };
  return { raw, value, sourceOf };
}

interface Given {
  text: string;
  source: ValueSource;
}

function flagOf({ flag }: ConfigKey, flags: LayerInput['flags']): Given | undefined {
  if (flag === undefined) return undefined;
  const name = flag.slice(2).replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
  const given = flags[name];
  return given === undefined ? undefined : { text: String(given), source: { kind: 'flag', at: flag } };
}

/** An empty variable is an absent one, as compose files write it. */
function envOf({ env: name }: ConfigKey, env: LayerInput['env']): Given | undefined {
  const text = name === undefined ? undefined : env[name];
  return text === undefined || text === '' ? undefined : { text, source: { kind: 'env', at: name } };
}

/** Text that means nothing in the key's kind stays text: the schema then refuses it. */
function meaningOf({ kind }: ConfigKey, text: string): unknown {
  if (kind === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (kind === 'map') return mapOf(text);
  return text;
}

/** `zone=a,rack=3`. */
function mapOf(text: string): unknown {
  const pairs = text.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
  return text.split(',').every((pair) => pair.indexOf('=') > 0) ? Object.fromEntries(pairs) : text;
}

/** A relative path in a file is relative to that file, wherever the daemon was started. */
function resolvePaths(raw: Record<string, unknown>, keys: readonly ConfigKey[], base: string): void {
  const paths = keys.filter(({ kind }) => kind === 'file' || kind === 'folder').map(({ path }) => path);
  const visit = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const parent = value as Record<string, unknown>;
    for (const [name, child] of Object.entries(parent)) {
      const path = Array.isArray(value) ? `${at}[]` : at === '' ? name : `${at}.${name}`;
      if (paths.includes(path) && typeof child === 'string') parent[name] = resolve(base, child);
      else visit(child, path);
    }
  };
  visit(raw, '');
}

/** `registries[0].host` → registries, 0, host. */
export function partsOf(path: string): (string | number)[] {
  return path
    .split(/[.[\]]+/)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function getIn(value: unknown, path: ConfigPath): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}

/** False where the file has something else than a section in the way: that is a fault of its own. */
function setIn(value: Record<string, unknown>, path: readonly string[], leaf: unknown): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return false;
  if (rest.length === 0) {
    value[name] = leaf;
    return true;
  }
  value[name] ??= value[name] === null ? null : {};
  const child = value[name];
  if (typeof child !== 'object' || child === null || Array.isArray(child)) return false;
  return setIn(child as Record<string, unknown>, rest, leaf);
}
