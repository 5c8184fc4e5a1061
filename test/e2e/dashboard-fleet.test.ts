/**
 * The dashboard over a fleet of some hundreds of hosts in the middle of a job. With SHOAL_PICTURES=1 it also takes the
 * pictures in docs/pictures; else it writes nothing.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, expect, it } from 'vitest';
import type { TestAgent } from '../../packages/tracker/src/tracker.testkit.ts';
import { closeBrowser } from '../support/browser.ts';
import { dashboardSite, IMAGE, type Progress, signIn } from '../support/dashboard.ts';
import { requireTools } from '../support/tools.ts';

const HOSTS = 480;
const RACKS = 12;
const PICTURES = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));

afterAll(closeBrowser);

async function picture(page: Page, name: string): Promise<void> {
  if (process.env.SHOAL_PICTURES !== '1') return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}${name}.png` });
}

function nameOf(index: number): string {
  return `r${String((index % RACKS) + 1).padStart(2, '0')}-host-${String(Math.floor(index / RACKS) + 1).padStart(3, '0')}`;
}

const POLICY = `version: 1
timezone: Asia/Shanghai
rules:
  - { name: always, limit: { per: host, download: 480 Mbit/s, upload: 480 Mbit/s } }
  - name: office hours
    match: { class: [prewarm, seed] }
    when: mon-fri 08:00-20:00
    limit: { per: host, download: 160 Mbit/s, upload: 160 Mbit/s }
  - { name: settlement, match: { class: prewarm }, when: "fri 17:00-19:00", limit: { per: host, download: 0, upload: 0 } }
`;

/** A third of the hosts is done, some load, a few failed, the rest is under way. */
function progressOf(index: number): Progress | undefined {
  const at = (index * 7919) % HOSTS;
  if (at < 7) {
    const text = 'the engine has 1.2 GB left on /var/lib/docker and the image needs 3.4 GB: free space there';
    return { state: 'failed', part: 0.6, error: { code: 'ENGINE_DISK_FULL', text, retryable: true } };
  }
  if (at < 9) {
    const text = 'this engine runs no image of build 10.0.20348: it is build 10.0.14393';
    return { state: 'failed', part: 0, error: { code: 'INCOMPATIBLE', text, retryable: false } };
  }
  if (at < 180) return { state: 'ready' };
  if (at < 215) return { state: 'loading' };
  if (at > 465) return undefined;
  const feeders = [3, 17, 40, 71].map((step, order) => ({
    name: nameOf((index + step) % HOSTS),
    bytes: Math.round(6e8 / (order + 1)),
  }));
  return { part: 0.15 + (0.8 * ((index * 31) % 100)) / 100, feeders };
}

/** A job in its third wave over all, one that is done, one that is due later; two thirds of the hosts have said nothing new yet. */
async function scene() {
  const kit = await dashboardSite();
  const agents: TestAgent[] = [];
  for (let index = 0; index < HOSTS; index += 40) {
    const some = Array.from({ length: 40 }, (_, at) => {
      const labels = { zone: `rack-${((index + at) % RACKS) + 1}`, env: 'prod', tier: index % 3 ? 'web' : 'batch' };
      return kit.agent(nameOf(index + at), { labels, version: (index + at) % 9 ? '0.1.0' : '0.0.9' });
    });
    agents.push(...(await Promise.all(some)));
  }
  const seeder = await kit.agent('seed-1', { role: 'seeder', labels: { zone: 'core' }, version: '0.1.0' });
  seeder.send({ type: 'traffic', sentBytes: 4e9, receivedBytes: 0, remoteBytes: 0, originBytes: 2e9 });
  await kit.client.applyPolicy(POLICY);
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
  const order = { images: [IMAGE], by: inHours(6) };
  const early = await kit.client.createJob({ ...order, hosts: ['r01-*'] });
  for (const agent of agents.filter((_, index) => index % RACKS === 0)) kit.say(agent, early.id, { state: 'ready' });
  await kit.client.createJob({ ...order, hosts: ['zone=rack-2'], at: inHours(3) });
  const { id } = await kit.client.createJob({ ...order, waves: { percents: [1, 10, 100] } });
  const waveOf = new Map((await kit.client.job(id)).hosts.map(({ peerId, wave }) => [peerId, wave ?? 0]));
  for (const wave of [1, 2]) {
    for (const agent of agents) if (waveOf.get(agent.peerId) === wave) kit.say(agent, id, { state: 'ready' });
    await expect.poll(async () => (await kit.client.job(id)).wave?.number).toBe(wave + 1);
  }
  const begin = agents.flatMap((agent, index) => {
    const progress = progressOf(index);
    return waveOf.get(agent.peerId) === 3 && progress ? [{ agent, progress }] : [];
  });
  for (const { agent, progress } of begin) kit.say(agent, id, { ...progress, part: (progress.part ?? 1) * 0.9 });

  return { kit, agents, id, begin };
}

requireTools(['chromium'])('the dashboard over a fleet', () => {
  it('draws a cell for each host in the colour of its state, and finds a host among hundreds', async () => {
    const { kit, agents, id, begin } = await scene();
    const { page, faults } = await signIn(kit, 'admin', { viewport: { width: 1280, height: 800 } });
    await page.goto(`${kit.tracker.url}/#/jobs/${id}`);
    await expect.poll(() => page.locator('canvas').getAttribute('aria-label')).toContain(`each of ${HOSTS} hosts`);
    if (process.env.SHOAL_PICTURES === '1') await goOnSlowly(page, { kit, begin, id });
    for (const { agent, progress } of begin) kit.say(agent, id, progress);
    const { counts } = await expect
      .poll(async () => await kit.client.job(id), { timeout: 10_000 })
      .toMatchObject({ counts: { failed: begin.filter(({ progress }) => progress.state === 'failed').length } })
      .then(() => kit.client.job(id));
    await expect.poll(() => page.locator('.legend').innerText()).toContain(`failed ${counts.failed}`);
    await expect
      .poll(() => page.locator('.facts').innerText())
      .toMatch(/ of \S+ \S+, by the rule “(always|office hours|settlement)”/);
    const drawn = { ready: counts.ready, failed: counts.failed };
    await expect.poll(() => coloursOf(page, HOSTS)).toMatchObject(drawn);
    await onSlowComputer(page, async () => {
      await page.setViewportSize({ width: 1100, height: 800 });
      await expect.poll(() => coloursOf(page, HOSTS), { timeout: 20_000 }).toMatchObject(drawn);
    });
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.fill('.find', nameOf(60));
    await page.keyboard.press('Enter');
    await page.locator('.host strong', { hasText: nameOf(60) }).waitFor();
    await picture(page, 'job');

    await page.click('nav >> text=Jobs');
    await page.locator('table.jobs tbody tr').nth(2).waitFor();
    await picture(page, 'jobs');
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto(`${kit.tracker.url}/#/jobs/${id}`);
    await page.locator('.cause').first().waitFor();
    await picture(page, 'job-dark');
    await page.emulateMedia({ colorScheme: 'light' });

    await page.click('nav >> text=Hosts');
    await page.locator('text=481 of 481 hosts').waitFor();
    expect(await page.locator('.vbody .vrow').count(), 'only rows in sight are elements').toBeLessThan(60);
    await picture(page, 'hosts');
    await page.fill('.find', 'rack-7 0.0.9');
    const found = agents.filter((_, index) => index % RACKS === 6 && index % 9 === 0).length;
    await expect.poll(() => page.locator('.above').innerText()).toMatch(/\d+ of 481/);
    await expect.poll(() => page.locator('.vbody .vrow').count()).toBeGreaterThanOrEqual(found);

    await page.click('nav >> text=Order');
    await page.fill('#field-images', IMAGE);
    await page.fill('#field-hosts', 'env=prod,zone in (rack-3,rack-4)');
    await page.click('text=Check hosts');
    await page.locator('.matches').waitFor();
    await page.click('nav >> text=Image');
    await page.fill('#field-image', IMAGE);
    await page.keyboard.press('Enter');
    await page.locator('.bar.tall').waitFor();
    await page.click('nav >> text=Policy');
    await page.locator('svg.week .now').waitFor({ state: 'attached' });
    await expect.poll(() => page.locator('main').innerText()).toContain('always');
    await picture(page, 'policy');
    await page.click('nav >> text=Events');
    await page.locator('.log li').first().waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${kit.tracker.url}/#/jobs`);
    await page.locator('table.jobs tbody tr').nth(2).waitFor();
    await picture(page, 'phone');
    expect(faults).toEqual([]);
  });
});

/** For the pictures: a rate as a fleet would have it. */
async function goOnSlowly(
  page: Page,
  { kit, begin, id }: Pick<Awaited<ReturnType<typeof scene>>, 'kit' | 'begin' | 'id'>,
) {
  for (let step = 0; step < 14; step++) {
    for (const { agent, progress } of begin) {
      if (progress.part && !progress.state)
        kit.say(agent, id, { ...progress, part: progress.part * (0.9 + step / 140) });
    }
    await page.waitForTimeout(1000);
  }
}

/** There, cells take more than a frame. */
async function onSlowComputer(page: Page, work: () => Promise<void>): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: 10 });
  await work();
  await session.detach();
}

/** How many cells are wholly in the colour of a state, by looking into the middle of each, and beside a failed one's cross. */
async function coloursOf(page: Page, count: number): Promise<Record<string, number>> {
  return await page.evaluate((cells) => {
    const canvas = document.querySelector('canvas');
    const context = canvas?.getContext('2d');
    if (!canvas || !context) throw new Error('no canvas');
    const width = Number.parseFloat(canvas.style.width);
    const height = Number.parseFloat(canvas.style.height);
    let size = 22;
    while (Math.ceil(cells / Math.round(width / size)) * size > height + 1 || width % size !== 0) size--;
    const columns = width / size;
    const style = getComputedStyle(canvas);
    const scale = canvas.width / width;
    const found: Record<string, number> = {};
    const names = ['ready', 'failed', 'loading', 'fetching', 'waiting'];
    const colours = new Map(names.map((name) => [style.getPropertyValue(`--cell-${name}`).trim(), name]));
    for (let at = 0; at < cells; at++) {
      const [x, y] = [((at % columns) + 0.5) * size, Math.floor(at / columns) * size + 2];
      const [r = 0, g = 0, b = 0] = context.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data;
      const hex = `#${[r, g, b].map((part) => part.toString(16).padStart(2, '0')).join('')}`;
      const name = colours.get(hex) ?? hex;
      found[name] = (found[name] ?? 0) + 1;
    }
    return found;
  }, count);
}
