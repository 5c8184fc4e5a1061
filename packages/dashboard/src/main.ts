/** The page: who is signed in, which view is shown, and the frame around it. */
import type { OwnToken } from '@shoal/tracker/client';
import { call, onRefused, session } from './api.ts';
import { fill, h, setText } from './dom.ts';
import { type Live, openLive } from './live.ts';
import { applyTheme, chooseLanguage, chooseTheme, language, nextTheme, theme } from './preferences.ts';
import { endSignIn, takeSignIn } from './provider.ts';
import { type TextKey, t } from './text.ts';
import type { View, ViewContext } from './view.ts';
import { eventsView } from './views/events.ts';
import { hostsView } from './views/hosts.ts';
import { imageView } from './views/image.ts';
import { jobView } from './views/job.ts';
import { jobsView } from './views/jobs.ts';
import { orderView } from './views/order.ts';
import { policyView } from './views/policy.ts';
import { signInView } from './views/sign-in.ts';

const PAGES: readonly [path: string, title: TextKey, open: (context: ViewContext) => View][] = [
  ['jobs', 'navJobs', jobsView],
  ['hosts', 'navHosts', hostsView],
  ['order', 'navOrder', orderView],
  ['image', 'navImage', () => imageView()],
  ['policy', 'navPolicy', policyView],
  ['events', 'navEvents', eventsView],
];
const TOAST_MS = 6000;

let shown: { live: Live; view?: View; token: OwnToken } | undefined;

function start(): void {
  applyTheme();
  onRefused(signOut);
  void takeSignIn().then((problem) => {
    if (session.token() === undefined) return showDoor(problem);
    return call<OwnToken>('GET', 'v1/token').then(enter, () => showDoor());
  });
}

/** `problem`: the code of what went wrong on the way. */
function showDoor(problem?: string): void {
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
  document.title = `${t('signIn')} · ${t('title')}`;
  fill(document.body, h('div', { class: 'corner' }, ...switches(() => showDoor(problem))), signInView(enter, problem));
}

function signOut(): void {
  session.forget();
  leave();
  showDoor();
}

function leaveFor({ expiresAt }: OwnToken): () => Promise<void> {
  return async () => {
    if (expiresAt !== undefined) await endSignIn();
    signOut();
  };
}

function leave(): void {
  removeEventListener('hashchange', route);
  shown?.view?.close?.();
  shown?.live.close();
  shown = undefined;
}

function enter(token: OwnToken): void {
  leave();
  shown = { live: openLive(), token };
  addEventListener('hashchange', route);
  showFrame();
}

function showFrame(): void {
  if (!shown) return;
  const { live, token } = shown;
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
  const dot = h('span', { class: 'dot', role: 'status' });
  live.subscribe(() => {
    dot.classList.toggle('on', live.connected);
    setText(dot, live.connected ? t('live') : t('notLive'));
  });
  const links = PAGES.map(([path, title]) => h('a', { href: `#/${path}`, 'data-page': path }, t(title)));
  const leaveButton = h(
    'button',
    { type: 'button', class: 'plain', title: token.name, onclick: leaveFor(token) },
    t('signOut'),
  );
  fill(
    document.body,
    h('a', { class: 'skip', href: '#main', onclick: skip }, t('skip')),
    h(
      'header',
      { class: 'top' },
      h(
        'a',
        { class: 'brand', href: '#/jobs' },
        h('img', { src: 'dashboard/icon.svg', alt: '', width: 22, height: 22 }),
        t('title'),
      ),
      h('nav', {}, ...links),
      h('div', { class: 'tools' }, dot, ...switches(showFrame), leaveButton),
    ),
    h('main', { id: 'main', tabindex: -1 }),
    h('div', { class: 'toast', role: 'status', 'aria-live': 'polite', id: 'toast' }),
  );
  route();
}

/** An address with #main would be a page of its own. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function route(): void {
  const main = document.getElementById('main');
  if (!shown || !main) return;
  const [page = '', id] = location.hash.replace(/^#\/?/, '').split('/');
  const found = PAGES.find(([path]) => path === page) ?? PAGES[0];
  if (!found) return;
  shown.view?.close?.();
  const context: ViewContext = { live: shown.live, token: shown.token, announce };
  const view = page === 'jobs' && id ? jobView(decodeURIComponent(id), context) : found[2](context);
  shown.view = view;
  for (const link of document.querySelectorAll<HTMLElement>('[data-page]')) {
    if (link.dataset.page === found[0]) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${t(found[1])} · ${t('title')}`;
  fill(main, view.element);
  scrollTo(0, 0);
}

function switches(again: () => void): HTMLElement[] {
  const names = { auto: 'themeAuto', light: 'themeLight', dark: 'themeDark' } as const;
  const themeButton = h('button', { type: 'button', class: 'plain' }, t(names[theme()]));
  themeButton.addEventListener('click', () => {
    chooseTheme(nextTheme());
    setText(themeButton, t(names[theme()]));
    dispatchEvent(new Event('shoal-theme'));
  });
  const change = () => {
    chooseLanguage(language() === 'zh' ? 'en' : 'zh');
    again();
  };
  return [
    themeButton,
    h(
      'button',
      { type: 'button', class: 'plain', lang: language() === 'zh' ? 'en' : 'zh', onclick: change },
      t('otherLanguage'),
    ),
  ];
}

let toastTimer: ReturnType<typeof setTimeout> | undefined;

function announce(text: string, kind: 'info' | 'error' = 'info'): void {
  const toast = document.getElementById('toast');
  if (!toast) return;
  toast.dataset.kind = kind;
  setText(toast, text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => setText(toast, ''), TOAST_MS);
}

start();
