import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { startTracker, temporaryFolder } from '../tracker.testkit.ts';

async function pageOf(files: Record<string, string>) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'views'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { tracker } = await startTracker({ dashboard: [pathToFileURL(`${folder}/`)] });
  return (path: string, headers: Record<string, string> = {}) => fetch(`${tracker.url}${path}`, { headers });
}

it('the page and its files are open, of their type, and let no other site in or near', async () => {
  const ask = await pageOf({ 'index.html': 'page', 'main.js': 'code', 'views/a.js': 'more', 'main.js.map': 'map' });
  const page = await ask('/');
  expect(await page.text()).toBe('page');
  expect(Object.fromEntries(page.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': expect.stringMatching(/^default-src 'self';.*frame-ancestors 'none'$/),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const code = await ask('/dashboard/views/a.js');
  expect([await code.text(), code.headers.get('content-type')]).toEqual(['more', 'text/javascript; charset=utf-8']);
  expect((await ask('/dashboard/main.js.map')).status).toBe(404);
});

it('a file that has not changed is not sent again', async () => {
  const ask = await pageOf({ 'index.html': 'page' });
  const etag = (await ask('/')).headers.get('etag') ?? '';
  expect((await ask('/', { 'if-none-match': etag })).status).toBe(304);
  expect((await ask('/', { 'if-none-match': '"other"' })).status).toBe(200);
});

it.each([
  '/dashboard/..%2f..%2fetc%2fpasswd',
  '/dashboard/%2e%2e/package.json',
  '/dashboard//etc/passwd',
  '/dashboard/',
])('no path leaves the folder: %s', async (path) => {
  const ask = await pageOf({ 'index.html': 'page' });
  expect((await ask(path)).status).toBe(404);
});

it('a page that was not built is said at the start', async () => {
  await expect(pageOf({ 'main.js': 'code' })).rejects.toThrow(/no index.html in .*: was it built\?/);
});
