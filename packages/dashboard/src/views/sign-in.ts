/** The door: a token, checked by asking what it is for. */
import type { OwnToken } from '@shoal/tracker/client';
import { ApiError, call, session } from '../api.ts';
import { h, setText } from '../dom.ts';
import { field } from '../parts.ts';
import { t } from '../text.ts';

export function signInView(onSignedIn: (token: OwnToken) => void): HTMLElement {
  const input = h('input', { type: 'password', required: true, autocomplete: 'current-password', spellcheck: 'false' });
  const problem = h('p', { class: 'bad', role: 'alert' });
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
  return h('main', { class: 'door', id: 'main' }, h('h1', {}, t('title')), h('p', {}, t('signInHint')), form);
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 0) return t('unreachable');
  return error.status === 401 ? t('signedOut') : error.message;
}
