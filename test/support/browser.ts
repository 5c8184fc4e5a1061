/** Debian's Chromium, driven by playwright-core; it is closed with its profile when the test or the file ends. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { cleanUpAfter } from './cleanup.ts';
import { findProgram } from './tools.ts';

let browser: Promise<Browser> | undefined;

async function theBrowser(): Promise<Browser> {
  browser ??= chromium.launch({
    executablePath: findProgram('chromium'),
    // Root has no sandbox; a container's /dev/shm is small.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
  return await browser;
}

/** Once a file, in `afterAll`. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

export interface OpenedPage {
  page: Page;
  /** What went wrong in the page: errors, refusals of its policy, what its console calls an error. */
  faults: string[];
  /** Every address it asked for. */
  requests: string[];
}

/** A page of its own, without cookies or storage of others. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const context = await (await theBrowser()).newContext({ locale: 'en-GB', ...options });
  cleanUpAfter(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const opened: OpenedPage = { page, faults: [], requests: [] };
  page.on('pageerror', (error) => opened.faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') opened.faults.push(message.text());
  });
  page.on('request', (request) => opened.requests.push(request.url()));
  await page.goto(url);
  return opened;
}
