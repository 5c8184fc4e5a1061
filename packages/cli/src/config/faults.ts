/**
 * Turns what the schema found wrong into sentences with a place: what is wrong and what to do. Decides the wording.
 */
import { pathText, similarName } from '@shoal/policy';
import type { z } from 'zod';
import type { Fault } from './config-error.ts';
import type { ConfigKey } from './keys.ts';
import type { Layers } from './layers.ts';
import type { ConfigPath, YamlFile } from './yaml-file.ts';

export interface FaultContext {
  keys: readonly ConfigKey[];
  layers: Layers;
  file: { path: string; yaml: YamlFile } | undefined;
  /** `agent.yaml`, for a fault that has no place in a file because there is none. */
  fileName: string;
}

export function faultsOf(issues: readonly z.core.$ZodIssue[], context: FaultContext): Fault[] {
  return issues.flatMap((issue) => {
    const path = issue.path as ConfigPath;
    if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownKey([...path, name], path, context));
    const value = context.layers.value(path);
    return [value === undefined ? missing(path, context) : wrongValue(issue, value, context)];
  });
}

/** The place of a key: the flag or variable that gave it, else its line, else the file's name. */
export function placeOf(path: ConfigPath, which: 'key' | 'value', { layers, file, fileName }: FaultContext): string {
  const source = layers.sourceOf(pathText(path));
  if (source.kind === 'flag' || source.kind === 'env') return source.at ?? fileName;
  return file?.yaml.at(path, which) ?? fileName;
}

function unknownKey(path: ConfigPath, parent: ConfigPath, context: FaultContext): Fault {
  const known = childNames(parent, context.keys);
  const name = String(path.at(-1));
  const similar = similarName(name, known);
  const text = similar === undefined ? `known here: ${known.join(', ')}` : `did you mean ${similar}?`;
  return { at: placeOf(path, 'key', context), key: pathText(path), text: `is not a known key; ${text}` };
}

function missing(path: ConfigPath, context: FaultContext): Fault {
  const key = keyOf(path, context.keys);
  const ways = [`${pathText(path)} in ${context.fileName}`, key?.env, key?.flag].filter((way) => way !== undefined);
  const text = `is missing: set ${ways.join(' or ')}${key === undefined ? '' : ` (${key.description})`}`;
  return { at: placeOf(path, 'value', context), key: pathText(path), text };
}

function wrongValue(issue: z.core.$ZodIssue, value: unknown, context: FaultContext): Fault {
  const path = issue.path as ConfigPath;
  const key = keyOf(path, context.keys);
  const place = { at: placeOf(path, 'value', context), key: pathText(path) };
  if (value === null) return { ...place, text: `is empty; give ${key?.expects ?? 'a value'}, or remove the key` };
  if (issue.code === 'custom' && issue.message !== 'Invalid input' && key?.kind === 'rate')
    return { ...place, text: `is wrong: ${issue.message}` };
  const shown = key?.secret ? 'the value' : shorten(JSON.stringify(value));
  return { ...place, text: `is wrong: ${shown} is not ${key?.expects ?? 'what belongs here'}` };
}

/** The key a path is of; a label or an item of a list belongs to the key around it. */
function keyOf(path: ConfigPath, keys: readonly ConfigKey[]): ConfigKey | undefined {
  const text = schemaPath(path);
  return (
    keys.find((key) => key.path === text) ?? keys.find((key) => key.kind === 'map' && text.startsWith(`${key.path}.`))
  );
}

function childNames(parent: ConfigPath, keys: readonly ConfigKey[]): string[] {
  const prefix = parent.length === 0 ? '' : `${schemaPath(parent)}.`;
  return keys
    .filter(({ path }) => path.startsWith(prefix))
    .map(({ path }) => path.slice(prefix.length))
    .filter((name) => !/[.[]/.test(name));
}

function schemaPath(path: ConfigPath): string {
  return pathText(path).replace(/\[\d+\]/g, '[]');
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
