/** docs/troubleshooting.md and docs/windows.md: messages and parameters they name are those of the product. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const sources = readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /^\w+\/src\/.*\.ts$/.test(path) && !/\.(test|testkit)\.ts$/.test(path))
  .map((path) => read(`packages/${path}`))
  .join('\n');

/** Parts of each message between what changes; too short ones prove nothing. */
function unknownParts(text: string): string[] {
  const messages = [...text.matchAll(/^```text\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block.trim().split('\n'),
  );
  expect(messages.length).toBeGreaterThan(0);
  const parts = messages.flatMap((message) => message.split('…')).map((part) => part.trim());
  return parts.filter((part) => part.length > 8 && !sources.includes(part));
}

describe('docs/troubleshooting.md', () => {
  it('quotes messages that there are', () => {
    expect(unknownParts(read('docs/troubleshooting.md'))).toEqual([]);
    expect(unknownParts('```text\nno agent ever says … this sentence\n```\n')).toEqual([
      'no agent ever says',
      'this sentence',
    ]);
  });
});

describe('docs/windows.md', () => {
  it('names parameters that install.ps1 has, all of them', () => {
    const named = [...read('docs/windows.md').matchAll(/`-([A-Z]\w+)/g)].map(([, name]) => name);
    const there = [...read('windows/install.ps1').matchAll(/^\.PARAMETER (\w+)$/gm)].map(([, name]) => name);
    expect([...new Set(named)].filter((name) => name !== 'WhatIf' && name !== 'RemoveData').sort()).toEqual(
      there.sort(),
    );
  });

  it('marks as not run all that only Windows can prove', () => {
    const items = read('docs/windows.md').match(/^- \[.*$/gm) ?? [];
    expect(items.length).toBeGreaterThan(10);
    for (const item of items) expect(item).toMatch(/^- \[ \] not run: /);
  });
});
