/**
 * A YAML file with the place of every key in it. Decides only whether it is YAML with a mapping at its top.
 */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Fault } from './config-error.ts';

export type ConfigPath = readonly (string | number)[];

export interface YamlFile {
  value: Record<string, unknown>;
  faults: Fault[];
  /** `agent.yaml:3:5`: the place of what the path names, or of the nearest thing around it. */
  at(path: ConfigPath, which: 'key' | 'value'): string;
}

/** `name` is what the user calls the file; it stands in front of each position. */
export function readYamlFile(file: string, name = file): YamlFile {
  try {
    return parseYaml(readFileSync(file, 'utf8'), name);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const text = `cannot be read (${code}); give the path of an existing file that this account may read`;
    return { value: {}, faults: [{ at: name, key: '', text }], at: () => name };
  }
}

export function parseYaml(source: string, name: string): YamlFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(source, { lineCounter, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const top = document.contents as Node | null;
  const at: YamlFile['at'] = (path, which) => place(offsetOf(top, path, which));
  const faults = document.errors.map(({ pos, message }) => ({
    at: place(pos[0]),
    key: '',
    text: `is not YAML: ${message}; correct this line`,
  }));
  if (faults.length > 0 || top === null) return { value: {}, faults, at };
  if (isScalar(top) && top.value === null) return { value: {}, faults, at };
  if (!isMap(top)) {
    const text = 'must hold keys and values (key: value), not a single value or a list';
    return { value: {}, faults: [{ at: place(top.range?.[0] ?? 0), key: '', text }], at };
  }
  return { value: document.toJS() as Record<string, unknown>, faults, at };
}

function offsetOf(top: Node | null, path: ConfigPath, which: 'key' | 'value'): number {
  let node: Node | null = top;
  let offset = top?.range?.[0] ?? 0;
  path.forEach((part, index) => {
    const isLast = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      node = (pair?.value ?? null) as Node | null;
      const key = pair?.key as Node | undefined;
      // A key without a value has an empty node behind it: the key itself says more.
      const found = isLast && which === 'value' && hasText(node) ? node : key;
      offset = found?.range?.[0] ?? offset;
    } else if (isSeq(node)) {
      node = (node.items[Number(part)] ?? null) as Node | null;
      offset = node?.range?.[0] ?? offset;
    } else node = null;
  });
  return offset;
}

function hasText(node: Node | null): boolean {
  return node?.range !== undefined && node.range !== null && node.range[1] > node.range[0];
}
