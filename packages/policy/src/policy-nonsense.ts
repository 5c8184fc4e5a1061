/**
 * What is well written and still makes no sense: names used twice, rules that say nothing, keys that do not go
 * together. Looks at the values as they came, so that it also speaks where others are wrong. Places are not its matter.
 */
import { LABEL_NAME, type LIMIT_KEYS, MATCH_KEYS } from './policy-schema.ts';
import { similarName } from './similar.ts';
import type { YamlPath } from './yaml-places.ts';

export interface Nonsense {
  path: YamlPath;
  which: 'key' | 'value';
  text: string;
}

export function nonsenseIn(policy: Record<string, unknown>): Nonsense[] {
  const rules = Array.isArray(policy.rules) ? policy.rules.map(sectionOf) : [];
  return [
    ...timezoneMissing(policy, rules),
    ...rules.flatMap((rule, index) => [
      ...repeatedName(rules, index),
      ...(rule === undefined ? [] : ruleNonsense(rule, ['rules', index])),
    ]),
  ];
}

type Section = Record<string, unknown>;

function sectionOf(value: unknown): Section | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Section) : undefined;
}

function timezoneMissing(policy: Section, rules: (Section | undefined)[]): Nonsense[] {
  const first = rules.findIndex((rule) => rule !== undefined && 'when' in rule);
  if (first < 0 || 'timezone' in policy) return [];
  const text = 'needs a clock: write timezone: at the top of the file, such as timezone: Asia/Shanghai or UTC';
  return [{ path: ['rules', first, 'when'], which: 'key', text }];
}

function repeatedName(rules: (Section | undefined)[], index: number): Nonsense[] {
  const name = rules[index]?.name;
  const earlier = rules.findIndex((rule) => rule?.name === name);
  if (typeof name !== 'string' || earlier === index) return [];
  const text = `is wrong: "${name.slice(0, 80)}" is already the name of rules[${earlier}]; give each rule its own`;
  return [{ path: ['rules', index, 'name'], which: 'value', text }];
}

function ruleNonsense(rule: Section, path: YamlPath): Nonsense[] {
  const match = sectionOf(rule.match);
  const found: Nonsense[] = [];
  if (!('limit' in rule) && !('yield' in rule))
    found.push({ path, which: 'key', text: 'says nothing: give it a limit or a yield' });
  if ('yield' in rule && match !== undefined && 'class' in match) {
    const text = 'does not go with yield, which gives way with all traffic: remove it, or make two rules';
    found.push({ path: [...path, 'match', 'class'], which: 'key', text });
  }
  if (match !== undefined) found.push(...labelNonsense(match, [...path, 'match']));
  return [...found, ...limitNonsense(sectionOf(rule.limit), [...path, 'limit'])];
}

function labelNonsense(match: Section, path: YamlPath): Nonsense[] {
  const own = Object.keys(MATCH_KEYS);
  if (Object.keys(match).length === 0) return [{ path, which: 'key', text: 'is empty; give a key, or remove it' }];
  return Object.keys(match).flatMap((name): Nonsense[] => {
    if (own.includes(name)) return [];
    const similar = similarName(name, own);
    if (similar !== undefined)
      return [{ path: [...path, name], which: 'key', text: `is not a known key; did you mean ${similar}?` }];
    if (LABEL_NAME.test(name)) return [];
    const text = 'is not a label; write letters, digits and . _ / - only';
    return [{ path: [...path, name], which: 'key', text }];
  });
}

const RATES: Readonly<Record<keyof typeof LIMIT_KEYS, string>> = {
  host: 'download or upload, or both',
  zone: 'ingress or egress, or both',
  fleet: 'download or upload, or both',
  origin: 'egress',
};

function limitNonsense(limit: Section | undefined, path: YamlPath): Nonsense[] {
  const rates = Object.entries(RATES).find(([per]) => per === limit?.per)?.[1];
  if (limit === undefined || rates === undefined || Object.keys(limit).length > 1 || limit.per === 'origin') return [];
  return [{ path, which: 'key', text: `limits nothing: give ${rates}` }];
}
