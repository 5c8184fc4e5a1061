/** A person signs in at an identity provider, in a real browser: there, back to where they wanted to be, and out again. */
import type { Page } from 'playwright-core';
import { afterAll, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { closeBrowser, openPage } from '../support/browser.ts';
import { agentsOf, dashboardSite } from '../support/dashboard.ts';
import { startProvider } from '../support/oidc.ts';
import { freePort } from '../support/port.ts';
import { requireTools } from '../support/tools.ts';

const PEOPLE = { ada: { preferred_username: 'ada', groups: ['shoal-admins'] }, eve: { preferred_username: 'eve' } };

afterAll(closeBrowser);

/** The tracker trusts the provider by its own authority. */
async function siteWithProvider() {
  const port = await freePort();
  const publicUrl = `http://localhost:${port}`;
  const callback = `${publicUrl}/v1/sign-in/oidc/callback`;
  const tls = selfSignedCertificate('localhost');
  const { issuer } = await startProvider({ clientId: 'shoal', callback, claims: PEOPLE, tls });
  const kit = await dashboardSite({
    ...{ port, publicUrl },
    oidc: {
      ...{ issuer, clientId: 'shoal', ca: tls.cert, scope: 'openid profile', lastsMs: 3_600_000 },
      roles: { claim: 'groups', admins: ['shoal-admins'], readers: [] },
    },
  });
  return { kit, publicUrl };
}

async function signInAt(page: Page, login: string): Promise<void> {
  await page.click('text=Sign in with your organisation');
  await page.fill('input[name=login]', login);
  await page.fill('input[name=password]', 'x');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]');
}

requireTools(['chromium'])('signing in at an identity provider', () => {
  it('leads back to the page that was wanted, and ends with signing out', async () => {
    const { kit, publicUrl } = await siteWithProvider();
    await agentsOf(kit, ['web-1']);
    const { page, requests } = await openPage(`${publicUrl}/#/hosts`, { ignoreHTTPSErrors: true });
    await signInAt(page, 'ada');
    await page.locator('main', { hasText: 'web-1' }).waitFor();
    expect(page.url()).toBe(`${publicUrl}/#/hosts`);
    const signOut = page.locator('button', { hasText: 'Sign out' });
    expect(await signOut.getAttribute('title')).toBe('ada');
    const token = (await page.evaluate(() => sessionStorage.getItem('shoal.token'))) ?? '';
    expect(requests.filter((url) => url.includes(token))).toEqual([]);
    await page.reload();
    await page.locator('main', { hasText: 'web-1' }).waitFor();

    await signOut.click();
    await page.locator('#field-token').waitFor();
    expect((await kit.client.tokens()).map(({ name }) => name)).toEqual(['test', 'web-1']);
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  it('says to who is in no group whom to ask, in their language', async () => {
    const { publicUrl } = await siteWithProvider();
    const { page } = await openPage(publicUrl, { ignoreHTTPSErrors: true });
    await signInAt(page, 'eve');
    await expect.poll(() => page.locator('[role=alert]').innerText()).toMatch(/no group that may look here/);
    await page.click('text=中文');
    await expect.poll(() => page.locator('[role=alert]').innerText()).toMatch(/用户组/);
    expect(page.url()).not.toContain('sign-in-failed');
  });
});
