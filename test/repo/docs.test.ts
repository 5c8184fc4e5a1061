/** The pages say what is so: every path and link leads somewhere, and the README has both commands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PAGES = [
  'README.md',
  'bench/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const ENDING = /\.(ts|mjs|md|yml|yaml|sh)$|\/$/;

/** Paths in backticks; `swarm/src/x.ts` stands for `packages/swarm/src/x.ts`, a bare `x.ts` for one beside the last folder named. */
function missingPaths(page: string, text: string): string[] {
  let folder = '';
  const missing: string[] = [];
  for (const [, path = ''] of text.matchAll(/`([\w./-]+)`/g)) {
    if (!ENDING.test(path)) continue;
    const places = [path, join('packages', path), join(folder, path)].map((place) => join(ROOT, place));
    const found = places.find((place) => existsSync(place));
    if (found === undefined) missing.push(`${page}: ${path}`);
    else folder = path.endsWith('/') ? found.slice(ROOT.length + 1) : dirname(found).slice(ROOT.length + 1);
  }
  return missing;
}

it.each(['docs/architecture.md', 'docs/protocol.md', 'docs/windows.md', 'bench/README.md'])(
  '%s names only files that are there',
  (page) => {
    expect(missingPaths(page, readFileSync(join(ROOT, page), 'utf8'))).toEqual([]);
  },
);

/** As GitHub names the anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');

/** Links to files that are not there, or to headings that they do not have. */
function brokenLinks(page: string, text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)/g)].flatMap(([, path = '', anchor]) => {
    const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
    if (!existsSync(target)) return [`${page}: ${path}`];
    if (anchor === undefined) return [];
    const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
    return headings.some((heading) => `#${anchorOf(heading)}` === anchor) ? [] : [`${page}: ${path}${anchor}`];
  });
}

it.each(PAGES)('%s links to what is there', (page) => {
  expect(brokenLinks(page, readFileSync(join(ROOT, page), 'utf8'))).toEqual([]);
});

it('a link that leads nowhere is found', () => {
  const links = '[a](docs/nowhere.md) [b](docs/policy.md#no-such-heading) [c](docs/policy.md#a-rule)';
  expect(brokenLinks('README.md', links)).toEqual([
    'README.md: docs/nowhere.md',
    'README.md: docs/policy.md#no-such-heading',
  ]);
});

it('a path that is not there is found missing', () => {
  expect(missingPaths('x', 'see `swarm/src/swarm.ts` (`picker.ts`, `nowhere.ts`)')).toEqual(['x: nowhere.ts']);
});

it('the README names both commands', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  for (const command of ['npm start', 'npm test']) expect(readme).toContain(command);
});
