/**
 * Reads a config schema as a list of keys: path, kind, default, the names of its flag and its environment variable.
 * Decides those names. Does not look at any value.
 */
import type { z } from 'zod';
import { type LeafMeta, leafMeta } from './leaf.ts';

export interface ConfigKey extends LeafMeta {
  /** `listen.port`; inside a list `registries[].host`. */
  path: string;
  required: boolean;
  /** As written in the file; undefined when there is none. */
  default: unknown;
  /** Undefined where only the file can say it: sections, lists and what is in them. */
  env: string | undefined;
  flag: string | undefined;
}

interface Unwrapped {
  meta: LeafMeta;
  required: boolean;
  default: unknown;
  shape: Record<string, z.core.$ZodType> | undefined;
  element: z.core.$ZodType | undefined;
}

/** What zod's definitions of wrappers, objects and arrays hold. */
interface Inner {
  innerType: z.core.$ZodType;
  defaultValue: unknown;
  shape: Record<string, z.core.$ZodType>;
  element: z.core.$ZodType;
}

export function keysOf(schema: z.core.$ZodType): ConfigKey[] {
  return childrenOf(unwrap(schema), '', false);
}

function childrenOf({ shape, element }: Unwrapped, parent: string, inList: boolean): ConfigKey[] {
  if (element !== undefined) return childrenOf(unwrap(element), `${parent}[]`, true);
  return Object.entries(shape ?? {}).flatMap(([name, child]) => {
    const path = parent === '' ? name : `${parent}.${name}`;
    const unwrapped = unwrap(child);
    return [keyOf(path, unwrapped, inList), ...childrenOf(unwrapped, path, inList)];
  });
}

function keyOf(path: string, { meta, required, default: value }: Unwrapped, inList: boolean): ConfigKey {
  const named = !inList && meta.kind !== 'section' && meta.kind !== 'list';
  return {
    ...meta,
    path,
    required,
    default: meta.kind === 'section' ? undefined : value,
    env: named ? envNameOf(path) : undefined,
    flag: named && !meta.secret ? flagNameOf(path) : undefined,
  };
}

/** `listen.port` → `SHOAL_LISTEN_PORT`, `tracker.tokenFile` → `SHOAL_TRACKER_TOKEN_FILE`. */
function envNameOf(path: string): string {
  return `SHOAL_${words(path).join('_').toUpperCase()}`;
}

/** `tracker.tokenFile` → `--tracker-token-file`. */
function flagNameOf(path: string): string {
  return `--${words(path).join('-').toLowerCase()}`;
}

function words(path: string): string[] {
  return path.replace(/[A-Z]/g, (letter) => `.${letter}`).split('.');
}

/** Through defaults and optional to the schema that carries the description. */
function unwrap(schema: z.core.$ZodType): Unwrapped {
  const found: Partial<Unwrapped> & { default?: unknown } = { required: true };
  let at: z.core.$ZodType | undefined = schema;
  while (at !== undefined) {
    found.meta ??= leafMeta.get(at);
    const def = at._zod.def as z.core.$ZodTypeDef & Partial<Inner>;
    if (def.type === 'default' || def.type === 'prefault') found.default ??= def.defaultValue;
    if (def.type === 'default' || def.type === 'prefault' || def.type === 'optional') found.required = false;
    if (def.type === 'object') found.shape = def.shape;
    if (def.type === 'array') found.element = def.element;
    at = def.innerType;
  }
  const meta = found.meta ?? { kind: 'section', description: '', expects: 'a section of keys' };
  return { shape: undefined, element: undefined, default: undefined, required: true, ...found, meta };
}
