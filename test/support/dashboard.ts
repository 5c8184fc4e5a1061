/** A real tracker with the dashboard, agents' sessions that say what a test tells them, and a person who signs in. */
import type { BrowserContextOptions, Page } from 'playwright-core';
import { dashboardFolders } from '../../packages/dashboard/src/index.ts';
import { imageIn } from '../../packages/tracker/src/memory-source.testkit.ts';
import {
  reportOf,
  startTracker,
  type TestAgent,
  type TestAgentOptions,
  type TestTracker,
  type TestTrackerOptions,
} from '../../packages/tracker/src/tracker.testkit.ts';
import { type OpenedPage, openPage } from './browser.ts';

export const IMAGE = 'registry.test/team/app:1';
export const IMAGE_BYTES = 2_000_000_000;

// What is built is what is tested: the folder of the sources has no modules a browser could load.
const FOLDERS = dashboardFolders.map((folder) => new URL(folder.href.replace(/\/src\/$/, '/dist/')));

export interface DashboardSite extends TestTracker {
  /** Says how far a host is with a job. */
  say(agent: TestAgent, jobId: string, progress: Progress): void;
}

export interface Progress {
  state?: 'fetching' | 'loading' | 'ready' | 'failed';
  /** 0 to 1. */
  part?: number;
  feeders?: { name: string; bytes: number }[];
  error?: { code: string; text: string; retryable: boolean };
}

export async function dashboardSite(options: TestTrackerOptions = {}): Promise<DashboardSite> {
  const kit = await startTracker({ dashboard: FOLDERS, ...options });
  kit.source.tag('team/app:1', imageIn(kit.source, { layers: [{ name: 'base', size: IMAGE_BYTES }] }));
  return Object.assign(kit, {
    say(agent: TestAgent, jobId: string, { state = 'fetching', part = 0, feeders = [], error }: Progress) {
      const haveBytes = Math.round(IMAGE_BYTES * (state === 'fetching' || state === 'failed' ? part : 1));
      const bytes = { imageBytes: IMAGE_BYTES, wantedBytes: IMAGE_BYTES, haveBytes, peerBytes: haveBytes };
      const own = state === 'fetching' ? { download: 9e6, upload: 7e6 } : { download: 0, upload: 4e6 };
      const card = { own, business: { download: Math.round(12e6 + part * 30e6), upload: 5e6 } };
      agent.send({
        type: 'traffic',
        card,
        sentBytes: haveBytes,
        receivedBytes: haveBytes,
        remoteBytes: Math.round(haveBytes / 40),
        originBytes: 0,
      });
      agent.send({ type: 'report', jobId, images: [reportOf(IMAGE, { ...bytes, state, feeders, error })] });
    },
  });
}

export async function agentsOf(kit: TestTracker, names: readonly string[], options?: TestAgentOptions) {
  return await Promise.all(names.map((name) => kit.agent(name, options)));
}

export async function signIn({ tracker }: TestTracker, role: 'admin' | 'reader', options?: BrowserContextOptions) {
  const opened: OpenedPage = await openPage(tracker.url, options);
  const token = tracker.createToken(role, 'a person');
  await opened.page.locator('#field-token').fill(token);
  await opened.page.keyboard.press('Enter');
  await opened.page.locator('nav').waitFor();
  return { ...opened, token };
}

/** The page's width fits the window: nothing has to be pushed sideways to be read. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
