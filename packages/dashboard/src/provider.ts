/** The way to an identity provider and back: what waits for the page then, and where it was before. */
import type { SignedIn, SignInWays } from '@shoal/tracker/client';
import { ApiError, call, session } from './api.ts';
import { h } from './dom.ts';
import { t } from './text.ts';

const PLACE_KEY = 'shoal.place';
const FAILED = /^#\/sign-in-failed\/(\w+)$/;

/** Takes the token that a sign-in left for this browser. Returns the code of what went wrong, if anything did. */
export async function takeSignIn(): Promise<string | undefined> {
  const failure = FAILED.exec(location.hash)?.[1];
  if (failure === undefined && location.hash !== '#/signed-in') return undefined;
  history.replaceState(null, '', sessionStorage.getItem(PLACE_KEY) || '#/jobs');
  sessionStorage.removeItem(PLACE_KEY);
  if (failure !== undefined) return failure;
  try {
    session.keep((await call<SignedIn>('POST', 'v1/sign-in/token')).token);
    return undefined;
  } catch (error) {
    return error instanceof ApiError ? error.code : String(error);
  }
}

/** A link to the provider, where there is one. */
export async function providerLink(): Promise<HTMLElement | undefined> {
  const { oidc } = await call<SignInWays>('GET', 'v1/sign-in').catch((): SignInWays => ({ token: true }));
  if (oidc === undefined) return undefined;
  const remember = () => sessionStorage.setItem(PLACE_KEY, location.hash);
  return h('a', { class: 'button primary', href: oidc, onclick: remember }, t('signInProvider'));
}

/** A token that a sign-in made is to end with it; whether or not the tracker can be told, this page forgets it. */
export async function endSignIn(): Promise<void> {
  await call('DELETE', 'v1/token').catch(() => {});
}
