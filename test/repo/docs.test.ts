/** The pages say what is so: every path they name is there, and the README has both commands. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
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

it('a path that is not there is found missing', () => {
  expect(missingPaths('x', 'see `swarm/src/swarm.ts` (`picker.ts`, `nowhere.ts`)')).toEqual(['x: nowhere.ts']);
});

it('the README names both commands', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  for (const command of ['npm start', 'npm test']) expect(readme).toContain(command);
});
