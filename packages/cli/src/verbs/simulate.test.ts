import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder, testIo } from '../cli.testkit.ts';
import { runShoal } from '../program.ts';

const FLEET = ['simulate', '--hosts', '20', '--image', '20MB', '--cap', '200Mbit/s'];

describe('shoal simulate', () => {
  it('says when the hosts are ready, what that moves, and draws the curve', async () => {
    const { code, out, err } = await run([...FLEET, '--zones', '2', '--uplink', '1Gbit/s']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('no swarm is faster than 1.0 s');
    expect(out).toMatch(/^50 % +\d\.\d s +[01]\.\d\d$/m);
    expect(out).toMatch(/^100 % +\d\.\d s +1\.\d\d$/m);
    expect(out).toMatch(/^registry → seeder +0 B +0\.00 ×$/m);
    expect(out).toMatch(/^into a zone, most of 2 +/m);
    expect(out).toMatch(/each host pulls from the registry +400\.0 MB +20\.00 ×$/m);
    const chart = out.split('\n').slice(-11);
    expect(chart[0]).toMatch(/^20 │ +[▁-█]+$/);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('has the forecast as one line of JSON, the same for the same seed', async () => {
    const { code, out } = await run([...FLEET, '--origin', '150Mbit/s', '--seed', '7', '--json']);
    const forecast = JSON.parse(out);
    expect([code, out.trim().split('\n').length]).toEqual([0, 1]);
    expect(forecast).toMatchObject({ hosts: 20, imageBytes: 20e6, capBytesPerSecond: 25e6, seed: 7, readyHosts: 20 });
    // The registry's rate is the bound here.
    expect(forecast).toMatchObject({ boundMs: 1067, originBytes: 20e6, starBytes: 400e6, uplinks: null });
    expect(forecast.ready50Ms).toBeGreaterThan(1067);
    expect(forecast.ready100Ms).toBeGreaterThanOrEqual(forecast.ready95Ms);
    expect(forecast.curve.at(-1)).toEqual({ ms: Math.round(forecast.ready100Ms), hosts: 20 });
    expect((await run([...FLEET, '--origin', '150Mbit/s', '--seed', '7', '--json'])).out).toBe(out);
  });

  it('leaves killed hosts out of the shares and waits for slow ones', async () => {
    const { out } = await run([...FLEET, '--kill', '30%@50%', '--slow', '20%:0.2', '--json']);
    const forecast = JSON.parse(out);
    expect(forecast.killedHosts).toBeGreaterThan(0);
    expect(forecast.readyHosts + forecast.killedHosts).toBe(20);
    expect(forecast.ready100Ms).toBeGreaterThan(3 * forecast.ready50Ms);
  });

  it('writes the curve as a well-formed SVG file', async () => {
    const cwd = temporaryFolder();
    const { code, out } = await run([...FLEET, '--svg', 'curve.svg'], { cwd });
    expect([code, out.trim().split('\n').at(-1)]).toEqual([0, join(cwd, 'curve.svg')]);
    const svg = readFileSync(join(cwd, 'curve.svg'), 'utf8');
    expect(openElements(svg)).toEqual([]);
    expect(svg).toContain('hosts ready');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    const [, points = ''] = /<polyline [^>]*points="([^"]+)"/.exec(svg) ?? [];
    expect(points.split(' ').length).toBeGreaterThan(100);
  });

  it('shows progress on a terminal only', async () => {
    const io = testIo();
    let drawn = '';
    const write = (text: string): boolean => {
      drawn += text;
      return true;
    };
    io.terminal = { write, columns: 60 } as unknown as NodeJS.WriteStream;
    io.now = () => (io.nowMs += 1000);
    await runShoal([...FLEET, '--image', '60MB'], io);
    expect(drawn).toMatch(/\d\.\d s of virtual time, \d+ of 20 hosts done/);
    expect(drawn.endsWith('\r\u001b[K')).toBe(true);
    for (const line of io.out.split('\n').slice(-11)) expect(line.length).toBeLessThanOrEqual(60);
  });

  it.each([
    [['--hosts', '0'], 'a whole number from 1 to 20000'],
    [['--hosts', '1e3'], 'a whole number'],
    [['--image', '8'], 'such as 8GB'],
    [['--image', '0GB'], 'such as 8GB'],
    [['--cap', '200'], 'write a number and a unit'],
    [['--cap', 'unlimited'], 'A simulation needs a number'],
    [['--cap', '0 B/s'], 'nothing would move'],
    [['--latency', '1m'], 'such as 1ms'],
    [['--slow', '5%'], 'such as 5%:0.1'],
    [['--slow', '5%:2'], 'such as 5%:0.1'],
    [['--kill', '120%@50%'], 'such as 20%@50%'],
    [['--seed', '-1'], 'a whole number from 0'],
    [['--uplink', '1Gbit/s'], '--uplink goes with --zones'],
    [['--zones', '21'], 'leave no zone empty'],
    [['--hosts', '20000', '--image', '100GB'], 'Give a smaller --image'],
  ])('is used wrongly: %j', async (args, says) => {
    const { code, out, err } = await run([...FLEET, ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  it('looks whether the file can be written before it computes', async () => {
    const { code, out, err } = await run([...FLEET, '--svg', join(temporaryFolder(), 'none', 'x.svg')]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/x\.svg cannot be written \(ENOENT\)/);
  });
});

/** Elements that are opened and never closed, or closed and never opened; attributes must be quoted. */
function openElements(xml: string): string[] {
  const open: string[] = [];
  for (const [tag, closing, name = '', , selfClosed] of xml.matchAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<>]*")*)\s*(\/?)>/g,
  )) {
    if (closing === '/' && open.pop() !== name) return [tag];
    if (closing === '' && selfClosed === '') open.push(name);
  }
  const rest = xml.replace(/<(\/?)([a-z]+)((?: [\w:-]+="[^"<>]*")*)\s*(\/?)>/g, '');
  return /[<>]/.test(rest) ? [rest] : open;
}
