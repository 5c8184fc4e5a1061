/** Turns what the schema found wrong in a policy file into sentences with a place. Decides the wording. */
import { z } from 'zod';
import { LIMIT_KEYS, POLICY_KEYS, RULE_KEYS } from './policy-schema.ts';
import { similarName } from './similar.ts';
import { shown } from './values.ts';
import { type FileFault, pathText, type YamlPath, type YamlPlaces } from './yaml-places.ts';

/** The rates of a limit whose `per` is wrong: still looked at. */
const anyLimit = z.object({ ...LIMIT_KEYS.host, ...LIMIT_KEYS.zone });

export function faultsOf(issues: readonly z.core.$ZodIssue[], yaml: YamlPlaces): FileFault[] {
  return issues.flatMap((issue) => {
    const path = issue.path as YamlPath;
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((name) => faultAt([...path, name], 'key', unknownKey(name, path)));
    function faultAt(at: YamlPath, which: 'key' | 'value', text: string): FileFault {
      return { at: yaml.at(at, which), key: pathText(at), text };
    }
    const value = valueAt(yaml.value, path);
    if (issue.code === 'invalid_union') {
      const limit = path.at(-1) === 'per' ? path.slice(0, -1) : path;
      const rest = anyLimit.safeParse(valueAt(yaml.value, limit)).error?.issues ?? [];
      const others = rest.filter(({ code, path: inner }) => code === 'custom' && inner.length > 0);
      return [
        faultAt([...limit, 'per'], 'value', wrongPer(value)),
        ...others.map((other) => faultAt([...limit, ...(other.path as YamlPath)], 'value', other.message)),
      ];
    }
    return [faultAt(path, 'value', issue.code === 'custom' ? issue.message : wrongShape(issue, value))];
  });

  function unknownKey(name: string, path: YamlPath): string {
    const known = knownAt(path, valueAt(yaml.value, path));
    const elsewhere = path.at(-1) === 'limit' ? pathsOfLimit(name) : '';
    if (elsewhere !== '') return `does not go with per: ${perOf(valueAt(yaml.value, path))}; ${elsewhere}`;
    const similar = similarName(name, known);
    return `is not a known key; ${similar === undefined ? `known here: ${known.join(', ')}` : `did you mean ${similar}?`}`;
  }
}

function wrongPer(value: unknown): string {
  const kinds = Object.keys(LIMIT_KEYS);
  if (value === undefined) return `is missing: write per: ${kinds.join(', per: ')}`;
  const similar = typeof value === 'string' ? similarName(value, kinds) : undefined;
  return `is wrong: ${shown(value)} is none of ${kinds.join(', ')}${similar === undefined ? '' : `; did you mean ${similar}?`}`;
}

function wrongShape(issue: z.core.$ZodIssue, value: unknown): string {
  const isList = issue.path.at(-1) === 'rules';
  if (issue.code === 'too_big') return 'is wrong: more than 1000 rules; merge those that say the same';
  if (issue.code === 'too_small') return 'is wrong: the list is empty; write a rule, or remove the file';
  const wanted = isList ? 'a list of rules (- name: …)' : 'a section of keys (key: value)';
  if (value === undefined) return `is missing: write ${wanted}`;
  if (value === null) return `is empty; give ${wanted}`;
  return `is wrong: ${shown(value)} is not ${wanted}`;
}

function knownAt(path: YamlPath, section: unknown): string[] {
  if (path.length === 0) return Object.keys(POLICY_KEYS);
  if (path.at(-1) === 'yield') return ['keep-free', 'react-within'];
  if (path.at(-1) !== 'limit') return Object.keys(RULE_KEYS);
  const kind = Object.entries(LIMIT_KEYS).find(([per]) => per === perOf(section));
  return ['per', ...Object.keys(kind?.[1] ?? {})];
}

/** `ingress goes with per: zone`; empty when it is no key of any limit. */
function pathsOfLimit(name: string): string {
  const kinds = Object.entries(LIMIT_KEYS).filter(([, keys]) => Object.hasOwn(keys, name));
  return kinds.length === 0 ? '' : `${name} goes with per: ${kinds.map(([per]) => per).join(' or per: ')}`;
}

function perOf(limit: unknown): string {
  return String((limit as { per?: unknown }).per);
}

function valueAt(top: unknown, path: YamlPath): unknown {
  return path.reduce<unknown>((value, part) => (value as Record<string | number, unknown> | undefined)?.[part], top);
}
