/**
 * Loads the settings of a daemon: file, environment and flags through one schema. Decides that everything is right or
 * nothing starts, with all faults at once. Which keys there are is in tracker-config.ts and agent-config.ts.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathText } from '@shoal/policy';
import type { z } from 'zod';
import { ConfigError, type Fault } from './config-error.ts';
import { type Daemon, defaultConfigFile, type HostDefaults } from './defaults.ts';
import { type FaultContext, faultsOf, placeOf } from './faults.ts';
import { type ConfigKey, keysOf } from './keys.ts';
import { type Layers, mergeLayers, partsOf, type ValueSource } from './layers.ts';
import { readYamlFile } from './yaml-file.ts';

export interface ConfigFile<T> {
  daemon: Daemon;
  /** First lines of the sample. */
  intro: string;
  schema: z.ZodType<T>;
  keys: readonly ConfigKey[];
  /** Sections that the file may switch with a bare true or false, short for `enabled` in them. */
  switches?: readonly string[];
  /** Lists of which the file may give the only item without a dash. */
  lists?: readonly string[];
  /** What several keys mean together; asked even when single keys are wrong, so that all faults come at once. */
  checks: readonly CrossCheck[];
}

export type CrossCheck = (context: {
  /** As written: `value('tls')`, `value('registries')`. */
  value(path: string): unknown;
  add(path: string, text: string): void;
  env: HostDefaults['env'];
}) => void;

export interface ConfigSources {
  host: HostDefaults;
  cwd: string;
  /** Given by the user; without it the default place is read when it is there. */
  file?: string;
  flags: Readonly<Record<string, unknown>>;
}

export interface ConfigEntry extends ValueSource {
  key: ConfigKey;
  /** In the form of the file; undefined when nobody says it and there is no default. */
  value: unknown;
}

export interface LoadedConfig<T> {
  config: T;
  /** The file that was read. */
  file: string | undefined;
  entries: ConfigEntry[];
}

export function configFile<T>(parts: Omit<ConfigFile<T>, 'keys'>): ConfigFile<T> {
  return { ...parts, keys: keysOf(parts.schema) };
}

/** Throws ConfigError. `readFiles`: files that are named must be there and readable. */
export function loadConfig<T>(spec: ConfigFile<T>, sources: ConfigSources, readFiles = false): LoadedConfig<T> {
  const context = readLayers(spec, sources);
  const { layers, file } = context;
  const broken = file?.yaml.faults ?? [];
  if (broken.length > 0) throw new ConfigError(broken);
  const parsed = spec.schema.safeParse(layers.raw);
  const faults = [
    ...faultsOf(parsed.error?.issues ?? [], context),
    ...crossFaults(spec, context, sources.host.env),
    ...(readFiles ? unreadableFiles(spec, context) : []),
  ];
  if (!parsed.success || faults.length > 0) throw new ConfigError(inOrder(faults));
  return { config: parsed.data, file: file?.path, entries: entriesOf(spec, layers) };
}

/** Values of single keys, or lists, for a command that needs no more: faults elsewhere do not matter to it. */
export function peekConfig<T>(spec: ConfigFile<T>, sources: ConfigSources, paths: readonly string[]) {
  const context = readLayers(spec, sources);
  const broken = context.file?.yaml.faults ?? [];
  if (broken.length > 0) throw new ConfigError(broken, false);
  const issues = spec.schema.safeParse(context.layers.raw).error?.issues ?? [];
  const faults = faultsOf(issues, context).filter(({ key }) => paths.includes(key.replace(/\[.*/, '')));
  if (faults.length > 0) throw new ConfigError(inOrder(faults), false);
  const entries = entriesOf(spec, context.layers);
  return (path: string): unknown => entries.find(({ key }) => key.path === path)?.value;
}

function readLayers<T>(spec: ConfigFile<T>, { host, cwd, file, flags }: ConfigSources): FaultContext {
  const place = file ?? host.env[`SHOAL_${spec.daemon.toUpperCase()}_CONFIG`] ?? defaultIfThere(spec.daemon, host);
  const read = place === undefined ? undefined : { path: place, yaml: readYamlFile(resolve(cwd, place), place) };
  for (const name of spec.switches ?? []) {
    const given = read?.yaml.value[name];
    if (read !== undefined && typeof given === 'boolean') read.yaml.value[name] = { enabled: given };
  }
  for (const name of spec.lists ?? []) {
    const given = read?.yaml.value[name];
    const isLone = typeof given === 'object' && given !== null && !Array.isArray(given);
    if (read !== undefined && isLone) read.yaml.value[name] = [given];
  }
  const layers = mergeLayers({ keys: spec.keys, file: read, env: host.env, flags, cwd });
  return { keys: spec.keys, layers, file: read, fileName: `${spec.daemon}.yaml` };
}

function defaultIfThere(daemon: Daemon, host: HostDefaults): string | undefined {
  const place = defaultConfigFile(daemon, host);
  return existsSync(place) ? place : undefined;
}

function crossFaults<T>({ checks }: ConfigFile<T>, context: FaultContext, env: HostDefaults['env']): Fault[] {
  const faults: Fault[] = [];
  const { value } = context.layers;
  const add = (path: string, text: string) =>
    void faults.push({ at: placeOf(partsOf(path), 'key', context), key: path, text });
  for (const check of checks) check({ value, add, env });
  return faults;
}

function unreadableFiles<T>({ keys }: ConfigFile<T>, context: FaultContext): Fault[] {
  return leavesOf(context.layers.raw)
    .filter(({ path }) => keys.some((key) => key.kind === 'file' && key.path === path.replace(/\[\d+\]/g, '[]')))
    .flatMap(({ path, value }) => {
      const code = typeof value === 'string' ? whyUnreadable(value) : undefined;
      if (code === undefined) return [];
      const at = placeOf(partsOf(path), 'value', context);
      return [
        { at, key: path, text: `cannot be read: ${value} (${code}); give an existing file this account may read` },
      ];
    });
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

export function leavesOf(value: unknown, path: (string | number)[] = []): { path: string; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ path: pathText(path), value }];
  const isList = Array.isArray(value);
  return Object.entries(value).flatMap(([name, child]) => leavesOf(child, [...path, isList ? Number(name) : name]));
}

/** Every key outside lists in the order of the schema; a list as one entry. */
function entriesOf<T>({ keys }: ConfigFile<T>, layers: Layers): ConfigEntry[] {
  return keys
    .filter(({ path, kind }) => kind !== 'section' && !path.includes('[]'))
    .map((key) => ({ key, value: layers.value(key.path) ?? key.default, ...layers.sourceOf(key.path) }));
}

/** By line and column; what came by flag or environment stands at the end. */
function inOrder(faults: readonly Fault[]): Fault[] {
  const rank = ({ at }: Fault): [number, number] => {
    const match = /:(\d+):(\d+)$/.exec(at);
    return match ? [Number(match[1]), Number(match[2])] : [Number.MAX_SAFE_INTEGER, 0];
  };
  return faults.toSorted((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
}
