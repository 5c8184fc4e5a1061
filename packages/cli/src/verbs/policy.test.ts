import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { startTestTracker } from '../tracker.testkit.ts';

const PAGE = readFileSync(new URL('../../../../docs/policy.md', import.meta.url), 'utf8');
const EXAMPLE = /```yaml\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';

/** Runs `shoal policy` beside a `bandwidth.yaml` of this text. */
async function policy(text: string, ...args: string[]) {
  const cwd = temporaryFolder();
  fileIn(cwd, 'bandwidth.yaml', text);
  return { cwd, ...(await run(['policy', ...args], { cwd })) };
}

const WEB_17 = ['bandwidth.yaml', '--host', 'web-17', '--label', 'env=prod', '--link', '1Gbit/s'];

describe('shoal policy check', () => {
  it('finds nothing in the example of the docs', async () => {
    const { code, out, err } = await policy(EXAMPLE, 'check', 'bandwidth.yaml');
    expect([code, out, err]).toEqual([0, 'bandwidth.yaml: right, 6 rules\n', '']);
  });

  it('tells every fault with line and column, and fails', async () => {
    const text = 'version: 1\nrules:\n  - name: a\n    limit: { per: host, uplaod: 5 MB/s }\n  - name: a\n';
    const { code, out, err } = await policy(text, 'check', 'bandwidth.yaml');
    expect(code).toBe(1);
    expect(out.trim().split('\n')).toEqual([
      'bandwidth.yaml:4:25: rules[0].limit.uplaod is not a known key; did you mean upload?',
      expect.stringMatching(/^bandwidth\.yaml:5:5: rules\[1\] says nothing/),
      expect.stringMatching(/^bandwidth\.yaml:5:11: rules\[1\]\.name is wrong: "a" is already/),
    ]);
    expect(err).toBe('shoal: 3 faults\n');
    const json = JSON.parse((await policy(text, 'check', 'bandwidth.yaml', '--json')).out);
    expect(json).toMatchObject({ ok: false, faults: [{ at: 'bandwidth.yaml:4:25' }, {}, {}] });
  });

  it('fails on a file that is not there, and is used wrongly without one', async () => {
    const { code, err } = await policy('', 'check', 'none.yaml');
    expect([code, err]).toEqual([1, expect.stringContaining('none.yaml cannot be read (ENOENT)')]);
    expect((await policy('', 'check')).code).toBe(2);
  });
});

describe('shoal policy explain', () => {
  it('prints the effective limits and which rule set each', async () => {
    const { code, out } = await policy(EXAMPLE, 'explain', ...WEB_17, '--at', '2026-11-30 09:00');
    expect(code).toBe(0);
    expect(out).toContain('web-17 at 2026-11-30 09:00 Asia/Shanghai, link 125.0 MB/s\n');
    expect(out).toMatch(/^pull +50\.0 MB\/s +everyone +50\.0 MB\/s +everyone$/m);
    expect(out).toMatch(/^seed +25\.0 MB\/s +production in office hours +12\.5 MB\/s +production in office hours$/m);
    expect(out).toMatch(/^zone ingress +125\.0 MB\/s +all +rack uplinks$/m);
    expect(out).toContain('30 % of the link stays free ("leave room for business"), within 250 ms');
    expect(out).toContain('next change: 2026-11-30 22:00 Asia/Shanghai\n');
  });

  it('says which rules it could not count without a link, and that a freeze freezes', async () => {
    const args = ['explain', 'bandwidth.yaml', '--host', 'db-1', '--at', '2026-11-11 09:00'];
    const { out } = await policy(EXAMPLE, ...args);
    expect(out).toMatch(/^pull +no limit +no limit$/m);
    expect(out).toMatch(/^prewarm +frozen +freeze on the shopping festival/m);
    expect(out).toContain('not counted: "everyone" limits to a part of the link; give it with --link\n');
    expect(JSON.parse((await policy(EXAMPLE, ...args, '--json')).out)).toMatchObject({
      ...{ host: 'db-1', atMs: Date.UTC(2026, 10, 11, 1), nextChangeMs: Date.UTC(2026, 10, 11, 14) },
      limits: { prewarm: { download: { bytesPerSecond: 0 } }, pull: {} },
      unknownLink: ['everyone'],
    });
  });

  it('prints the week as a table, from Monday to Monday', async () => {
    const { code, out } = await policy(EXAMPLE, 'explain', ...WEB_17, '--at', '2026-12-06 09:00', '--week');
    const lines = out.trim().split('\n');
    expect(code).toBe(0);
    // Two edges on each of five days.
    expect(lines).toHaveLength(2 + 11);
    expect(lines[2]).toMatch(/^Mon 2026-11-30 00:00 {2}Mon 2026-11-30 08:00 {2}50\.0 MB\/s \/ 50\.0 MB\/s/);
    expect(lines[3]).toMatch(/^Mon 2026-11-30 08:00 {2}Mon 2026-11-30 22:00 .* 25\.0 MB\/s \/ 12\.5 MB\/s$/);
    expect(lines.at(-1)).toMatch(/^Fri 2026-12-04 22:00 {2}Mon 2026-12-07 00:00/);
  });

  it('draws the week as a well-formed SVG file, on a week of a clock change too', async () => {
    const text = EXAMPLE.replace('Asia/Shanghai', 'Europe/Berlin').replace('name: everyone', 'name: <"all" & more>');
    const args = ['--at', '2026-10-25 09:00', '--week', '--svg', 'week.svg', '--json'];
    const { code, cwd, out } = await policy(text, 'explain', ...WEB_17, ...args);
    expect(code).toBe(0);
    const [first] = JSON.parse(out).stretches;
    expect(first.toMs - first.fromMs).toBe(8 * 3_600_000);
    const svg = readFileSync(join(cwd, 'week.svg'), 'utf8');
    expect(svg).toContain('&lt;&quot;all&quot; &amp; more&gt;');
    expect(svg).not.toMatch(/NaN|Infinity|undefined|="-/);
    expect(svg.match(/<rect[^>]*>(?=<title)/g)?.length).toBe(7 * 3 + 5 * 2 * 3);
    for (const tag of ['title', 'text', 'svg'])
      expect(svg.split(`</${tag}>`).length).toBe(svg.match(new RegExp(`<${tag}[ >]`, 'g'))!.length + 1);
  });

  it.each([
    [['--at', 'tomorrow'], 'such as "2026-11-30 09:00"'],
    [['--at', '2026-02-30 09:00'], 'such as "2026-11-30 09:00"'],
    [['--label', 'env'], 'such as env=prod'],
    [['--address', '10.0.0.0/8'], 'such as 10.20.3.4'],
    [['--link', '40%'], 'write a number and a unit'],
    [['--link', 'unlimited'], 'A link has an end'],
    [['--svg', 'x.svg'], 'give --week too'],
  ])('is used wrongly: %j', async (args, says) => {
    const { code, out, err } = await policy(EXAMPLE, 'explain', ...WEB_17, ...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
  });

  it('refuses a policy that is wrong, with its faults', async () => {
    const { code, err } = await policy('version: 1\nrules: []\n', 'explain', ...WEB_17);
    expect([code, err]).toEqual([2, expect.stringContaining('bandwidth.yaml:2:8: rules is wrong: the list is empty')]);
  });
});

it('shoal policy schema prints what docs/bandwidth.schema.json holds', async () => {
  const published = readFileSync(new URL('../../../../docs/bandwidth.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse((await run(['policy', 'schema'])).out)).toEqual(JSON.parse(published));
});

describe('shoal policy at a tracker', () => {
  const rules = (rate: string): string =>
    `version: 1\nrules:\n  - name: everyone\n    limit: { per: host, download: ${rate} }\n`;

  it('applies a file and shows what changes, lists the versions, and brings an old one back', async () => {
    const { env } = await startTestTracker();
    const cwd = temporaryFolder();
    const shoal = (...args: string[]) => run(['policy', ...args], { cwd, env });
    fileIn(cwd, 'bandwidth.yaml', rules('10 MB/s'));
    expect((await shoal('apply', 'bandwidth.yaml')).err).toBe('version 1 is in force\n');
    fileIn(cwd, 'bandwidth.yaml', rules('20 MB/s'));
    const change = '-    limit: { per: host, download: 10 MB/s }\n+    limit: { per: host, download: 20 MB/s }\n';
    const dry = await shoal('apply', 'bandwidth.yaml', '--dry-run');
    expect([dry.out, dry.err]).toEqual([expect.stringContaining(change), 'nothing was changed (--dry-run)\n']);
    expect((await shoal('show')).out).toBe(rules('10 MB/s'));
    expect(JSON.parse((await shoal('apply', 'bandwidth.yaml', '--json')).out)).toMatchObject({ version: 2 });
    expect((await shoal('apply', 'bandwidth.yaml')).err).toBe('nothing changes: version 2 is in force\n');
    expect((await shoal('rollback', '1')).err).toBe('version 3 is in force, with the text of version 1\n');
    expect((await shoal('show')).out).toBe(rules('10 MB/s'));
    expect((await shoal('show', '2')).out).toBe(rules('20 MB/s'));
    expect((await shoal('history')).out).toMatch(/^3 .*\n2 .*\n1 .*test\n$/m);
  });

  it('applies nothing that is wrong, and says what is', async () => {
    const { env } = await startTestTracker();
    const cwd = temporaryFolder();
    fileIn(cwd, 'bandwidth.yaml', rules('10 parrots/s'));
    const { code, err } = await run(['policy', 'apply', 'bandwidth.yaml'], { cwd, env });
    expect([code, err]).toEqual([2, expect.stringContaining('bandwidth.yaml:4:')]);
    const none = await run(['policy', 'show'], { cwd, env });
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('shoal policy apply')]);
    expect((await run(['policy', 'rollback', 'one'], { cwd, env })).code).toBe(2);
  });
});
