/** The door: a token, checked by asking what it is for, or the way to an identity provider. */
import type { OwnToken } from '@shoal/tracker/client';
import { ApiError, call, session } from '../api.ts';
import { fill, h, setText } from '../dom.ts';
import { field } from '../parts.ts';
import { providerLink } from '../provider.ts';
import { type TextKey, t } from '../text.ts';

const PROVIDER_PROBLEMS: Readonly<Record<string, TextKey>> = {
  NO_ROLE: 'signInNoRole',
  SIGN_IN_EXPIRED: 'signInExpired',
  SIGN_IN_FAILED: 'signInFailed',
  SIGN_IN_REFUSED: 'signInRefused',
};

/** `code`: of what went wrong at the provider. */
export function signInView(onSignedIn: (token: OwnToken) => void, code?: string): HTMLElement {
  const input = h('input', { type: 'password', required: true, autocomplete: 'current-password', spellcheck: 'false' });
  const problem = h('p', { class: 'bad', role: 'alert' }, code === undefined ? '' : codeText(code));
  const ways = h('div', { class: 'ways' });
  void providerLink().then((link) => link && fill(ways, link, h('p', { class: 'or' }, t('orToken'))));
  const signIn = async () => {
    session.keep(input.value.trim());
    try {
      onSignedIn(await call<OwnToken>('GET', 'v1/token'));
    } catch (error) {
      session.forget();
      setText(problem, problemOf(error));
      input.select();
    }
  };
  const form = h(
    'form',
    {
      class: 'form',
      onsubmit: (event: Event) => {
        event.preventDefault();
        void signIn();
      },
    },
    field('token', input, t('signInHow')),
    problem,
    h('button', { type: 'submit', class: 'primary' }, t('signIn')),
  );
  queueMicrotask(() => input.focus());
  return h('main', { class: 'door', id: 'main' }, h('h1', {}, t('title')), h('p', {}, t('signInHint')), ways, form);
}

function codeText(code: string): string {
  const key = PROVIDER_PROBLEMS[code];
  return key === undefined ? code : t(key);
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 0) return t('unreachable');
  return error.status === 401 ? t('signedOut') : error.message;
}
