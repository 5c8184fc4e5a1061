/*
 * The dashboard in a real browser over ten thousand hosts in a running job that say 50,000 things a minute. Measures how
 * long a click or a key takes to be seen (the browser's own Event Timing), the page's heap after a collection at the
 * start and the end, and what the page costs the tracker. A round is a minute.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { cleanUpAfter } from './harness/cleanup.mjs';
import { judge } from './harness/goals.mjs';
import { CONNECT_TIMEOUT_MS, measured, openManySessions } from './shoal/many-sessions.mjs';

/** @type {readonly string[]} */
export const ROWS = [];
export const DEFAULT_SIZE = undefined;
export const DEFAULT_ROUNDS = 2;
export const TAKES_HOSTS = true;
export const MAX_HOSTS = 20_000;

const HOSTS = 10_000;
const EVENTS_A_MINUTE = 50_000;
const QUIET_MS = 20_000;
const MINUTE_MS = 60_000;
const PAGE_TIMEOUT_MS = 60_000;

/** @type {readonly import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['longestInteractionMs', '≤', 100],
  ['heapGrowthMB', '≤', 10],
  ['trackerExtraPercentOfCore', '≤', 15],
];

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ hosts = HOSTS, rounds, dir, say }) {
  const reportEveryMs = (hosts * MINUTE_MS) / EVENTS_A_MINUTE;
  const site = await openManySessions(dir, { count: hosts, piecesPerSecond: 0, reportEveryMs });
  const { url, token, client, load, trackerPid } = site;
  await load.next('ready', CONNECT_TIMEOUT_MS);
  const job = await client.createJob({ images: ['bench.test/generated:1'] });
  await delay(reportEveryMs + QUIET_MS);
  const { percent: alone } = await measured(trackerPid, () => delay(QUIET_MS));
  say(`the tracker alone takes ${alone.toFixed(1)} % of a core`);
  const page = await openPage(url, token);
  const tableMs = await openTable(page, url, hosts);
  say(`${hosts} hosts in the table after ${tableMs.toFixed(0)} ms`);
  const jobMs = await openJob(page, url, job.id);
  say(`the job's page after ${jobMs.toFixed(0)} ms`);
  const heapBefore = await heapMB(page);
  const { percent: watched } = await measured(trackerPid, async () => {
    for (let minute = 0; minute < rounds; minute++) {
      await useIt(page, url, job.id);
      say(`minute ${minute + 1}: heap ${(await heapMB(page)).toFixed(1)} MB`);
    }
  });
  const heapAfter = await heapMB(page);
  const durations = (await page.evaluate(() => /** @type {any} */ (globalThis).durations)).toSorted(
    (/** @type {number} */ a, /** @type {number} */ b) => a - b,
  );
  await page.context().browser()?.close();
  await site.close();
  const figures = {
    hosts,
    longestInteractionMs: durations.at(-1) ?? 0,
    p99InteractionMs: durations[Math.floor(durations.length * 0.99)] ?? 0,
    medianInteractionMs: durations[Math.floor(durations.length / 2)] ?? 0,
    interactions: durations.length,
    heapGrowthMB: heapAfter - heapBefore,
    heapMB: heapAfter,
    trackerExtraPercentOfCore: watched - alone,
    trackerPercentOfCore: watched,
    tableMs,
    jobMs,
  };
  const text = [`${hosts} hosts, ${EVENTS_A_MINUTE} events a minute, ${rounds} min`, judge(figures, GOALS)].join('\n');
  return { figures, rows: [{ row: 'dashboard', ...figures }], text };
}

/** @param {string} url @param {string} token */
async function openPage(url, token) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
  cleanUpAfter(() => browser.close());
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  await page.addInitScript(() => {
    const durations = /** @type {number[]} */ ([]);
    Object.assign(globalThis, { durations });
    const observer = new PerformanceObserver((list) => {
      for (const entry of /** @type {any[]} */ (list.getEntries()))
        if (entry.interactionId > 0) durations.push(entry.duration);
    });
    observer.observe(/** @type {any} */ ({ type: 'event', durationThreshold: 16, buffered: true }));
  });
  await page.goto(url);
  await page.locator('#field-token').fill(token);
  await page.keyboard.press('Enter');
  await page.locator('nav').waitFor();
  return page;
}

/** @param {import('playwright-core').Page} page @param {string} url @param {number} hosts */
async function openTable(page, url, hosts) {
  const started = performance.now();
  await page.evaluate((to) => location.assign(to), `${url}/#/hosts`);
  await page
    .getByText(`${hosts.toLocaleString('en-GB')} of`)
    .or(page.getByText('host-0'))
    .first()
    .waitFor();
  return performance.now() - started;
}

/** @param {import('playwright-core').Page} page @param {string} url @param {string} job */
async function openJob(page, url, job) {
  const started = performance.now();
  await page.evaluate((to) => location.assign(to), `${url}/#/jobs/${job}`);
  await page.locator('canvas').first().waitFor();
  return performance.now() - started;
}

/** Clicks, types and scrolls for a minute, as a person would. @param {import('playwright-core').Page} page @param {string} url @param {string} job */
async function useIt(page, url, job) {
  const end = performance.now() + MINUTE_MS;
  while (performance.now() < end) {
    await page.evaluate((to) => location.assign(to), `${url}/#/hosts`);
    const find = page.locator('input[type=search]').first();
    await find.waitFor();
    await find.click();
    await page.keyboard.type('rack-7', { delay: 120 });
    await page.mouse.wheel(0, 2000);
    await delay(500);
    await find.fill('');
    await page.evaluate((to) => location.assign(to), `${url}/#/jobs/${job}`);
    const cells = page.locator('canvas').first();
    await cells.waitFor();
    await cells.click({ position: { x: 40, y: 20 } });
    await delay(2000);
  }
}

/** @param {import('playwright-core').Page} page */
async function heapMB(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.send('Performance.enable');
  const { metrics } = await session.send('Performance.getMetrics');
  await session.detach();
  return (metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0) / 1e6;
}
