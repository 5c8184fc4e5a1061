/** Policies for tests: the example of the docs, and rules in one line. */
import { readFileSync } from 'node:fs';
import type { Policy } from './policy.ts';
import { parsePolicy } from './policy-file.ts';

/** The YAML in docs/policy.md. */
export function exampleText(): string {
  const page = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
  return /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
}

export function policyOf(text: string): Policy {
  const parsed = parsePolicy(text, 'bandwidth.yaml');
  if (!parsed.ok) throw new Error(parsed.faults.map(({ at, key, text: what }) => `${at}: ${key} ${what}`).join('\n'));
  return parsed.policy;
}

/** `rules` are the lines of each rule behind its name. */
export function policyWith(rules: readonly string[], timezone = 'UTC'): Policy {
  const lines = rules.map((rule, index) => `  - { name: rule ${index + 1}, ${rule} }`);
  return policyOf(`version: 1\ntimezone: ${timezone}\nrules:\n${lines.join('\n')}\n`);
}

/** A moment given in UTC: `2026-11-30 09:00`. */
export function utc(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}:00Z`);
}
