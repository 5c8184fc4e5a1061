/**
 * What people read of a schema: effective values with their source, the commented sample, the table of the docs.
 * Decides their form; the words are the schema's own.
 */
import { stringify } from 'yaml';
import { formatTable } from '../output/format.ts';
import type { ConfigFile, LoadedConfig } from './config-file.ts';
import type { ConfigKey } from './keys.ts';
import type { SourceKind } from './layers.ts';

const HIDDEN = '(hidden)';

/** Stable; what `shoal config --json` prints. */
export interface ConfigReport {
  file: string | null;
  /** `value` is null where there is none; a secret is never shown. */
  values: { key: string; value: unknown; source: SourceKind; at: string | null }[];
}

export function reportConfig({ file, entries }: LoadedConfig<unknown>): ConfigReport {
  const values = entries.map(({ key, value, kind, at }) => ({
    key: key.path,
    value: shownValue(key, value) ?? null,
    source: kind,
    at: at ?? null,
  }));
  return { file: file ?? null, values };
}

export function describeConfig(loaded: LoadedConfig<unknown>): string {
  const rows = loaded.entries.map(({ key, value, kind, at }) => {
    const shown = value === undefined ? `(${key.defaultText ?? 'not set'})` : inline(shownValue(key, value));
    return [key.path, shown, at === undefined ? 'default' : `${kind} ${at}`];
  });
  return `file: ${loaded.file ?? 'none'}\n${formatTable(['KEY', 'VALUE', 'FROM'], rows)}`;
}

/** Markdown: every key with meaning, default, environment variable and flag. */
export function configTable<T>({ keys }: ConfigFile<T>): string {
  const rows = keys
    .filter(({ kind }) => kind !== 'section')
    .map((key) => [
      `\`${key.path}\``,
      key.description,
      defaultNote(key)?.replace(/^default: /, '') ?? '–',
      code(key.env),
      code(key.flag),
    ]);
  const head = ['Key', 'Meaning', 'Default', 'Environment', 'Flag'];
  const cell = (text: string) => text.replaceAll('|', '\\|');
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |\n`).join('');
}

/** A file that works once its example values are replaced; what may stay away is commented out. */
export function configSample<T>({ intro, keys }: ConfigFile<T>): string {
  const active = keys.filter((key) => isActive(key, keys)).map(({ path }) => path);
  const lines = keys.flatMap((key, index) => {
    const isFirst = key.path.startsWith(`${keys[index - 1]?.path}[].`);
    return sampleLines(key, { active: active.includes(key.path), isFirst });
  });
  return [
    `# ${intro} A flag wins over the environment, that over this file, this file over the default.`,
    '# Lines with # and no space after it show defaults and examples. A relative path starts at the folder of this file.',
    ...lines,
    '',
  ].join('\n');
}

function isActive(key: ConfigKey, keys: readonly ConfigKey[]): boolean {
  if (key.path.includes('[]') || key.kind === 'list') return false;
  if (key.kind === 'section')
    return keys.some((other) => other.path.startsWith(`${key.path}.`) && isActive(other, keys));
  return key.inSample ?? key.required;
}

/** `isFirst` of the keys of an item of a list. */
function sampleLines(key: ConfigKey, { active, isFirst }: { active: boolean; isFirst: boolean }): string[] {
  const depth = key.path.split(/\.|\[\]\./).length - 1;
  const isItem = key.path.includes('[].');
  const indent = '  '.repeat(depth + (isItem ? 1 : 0));
  const name = nameOf(key);
  const notes = [defaultNote(key), key.env, key.flag].filter((note) => note !== undefined);
  const about = `${key.description}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
  const value = key.sample ?? key.default;
  const blank = depth === 0 ? [''] : [];
  const head = [...blank, `${indent}# ${about}`];
  const hasKeys = key.kind === 'section' || (key.kind === 'list' && key.sample === undefined);
  if (hasKeys) return [...head, `${active ? '' : '#'}${indent}${name}:`];
  const bullet = isFirst ? `${indent.slice(2)}- ` : indent;
  return [...head, `${active ? '' : '#'}${bullet}${name}: ${inline(value)}`];
}

function nameOf({ path }: ConfigKey): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** `default: 7600`, `required`, or nothing where absent means absent. */
export function defaultNote(key: ConfigKey): string | undefined {
  if (key.kind === 'section') return undefined;
  if (key.defaultText !== undefined) return `default: ${key.defaultText}`;
  if (key.default !== undefined) return `default: ${inline(key.default)}`;
  return key.required ? 'required' : undefined;
}

function shownValue(key: ConfigKey, value: unknown): unknown {
  return key.secret && value !== undefined ? HIDDEN : value;
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
}

function code(text: string | undefined): string {
  return text === undefined ? '–' : `\`${text}\``;
}
