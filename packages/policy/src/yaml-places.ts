/**
 * YAML with the place of every key in it, for every settings file of Shoal. Decides only whether it is YAML with a
 * mapping at its top.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** What is wrong with a settings file. */
export interface FileFault {
  /** `bandwidth.yaml:3:5`. */
  at: string;
  /** `rules[0].limit.download`; empty when the file as a whole is meant. */
  key: string;
  /** What is wrong with it and what to do. */
  text: string;
}

export type YamlPath = readonly (string | number)[];

export interface YamlPlaces {
  value: Record<string, unknown>;
  faults: FileFault[];
  /** `agent.yaml:3:5`: the place of what the path names, or of the nearest thing around it. */
  at(path: YamlPath, which: 'key' | 'value'): string;
}

/** `['registries', 0, 'host']` → `registries[0].host`. */
export function pathText(path: YamlPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** `name` is what the user calls the file; it stands in front of each position. */
export function parseYaml(source: string, name: string): YamlPlaces {
  const lineCounter = new LineCounter();
  const document = parseDocument(source, { lineCounter, prettyErrors: false, logLevel: 'error' });
  const place = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const top = document.contents as Node | null;
  const at: YamlPlaces['at'] = (path, which) => place(offsetOf(top, path, which));
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
  try {
    return { value: document.toJS() as Record<string, unknown>, faults, at };
  } catch (error) {
    // Aliases of aliases without end.
    const text = `is refused: ${(error as Error).message}; write it out without aliases`;
    return { value: {}, faults: [{ at: place(0), key: '', text }], at };
  }
}

function offsetOf(top: Node | null, path: YamlPath, which: 'key' | 'value'): number {
  let node: Node | null = top;
  let offset = top?.range?.[0] ?? 0;
  path.forEach((part, index) => {
    const isLast = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined && part === 0) return; // the only item of a list, written without a dash
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
