/** Where an image is: how many hosts have it, get it, lack it or cannot run it, and each of them. */
import type { Coverage, HostCoverage } from '@shoal/tracker/client';
import { type ApiError, call } from '../api.ts';
import { fill, h } from '../dom.ts';
import { badge, field, panel } from '../parts.ts';
import { numberText, type TextKey, t } from '../text.ts';
import type { View } from '../view.ts';
import { virtualTable } from '../virtual-table.ts';

type Kind = 'ready' | 'coming' | 'missing' | 'cannot';
const KINDS: Readonly<Record<Kind, { text: TextKey; state: string }>> = {
  ready: { text: 'coverReady', state: 'ready' },
  coming: { text: 'coverComing', state: 'fetching' },
  missing: { text: 'coverMissing', state: 'waiting' },
  cannot: { text: 'coverCannot', state: 'failed' },
};
const ORDER = Object.keys(KINDS) as Kind[];

export function imageView(): View {
  const image = h('input', { required: true, spellcheck: 'false', autocomplete: 'off' });
  const hosts = h('input', { spellcheck: 'false', autocomplete: 'off' });
  const answer = h('div', { role: 'status' });
  const table = virtualTable<HostCoverage>(t('hosts'), columns());
  table.element.hidden = true;
  const look = async () => {
    fill(answer, h('p', {}, t('checking')));
    table.element.hidden = true;
    try {
      const selectors = hosts.value.trim() === '' ? undefined : [hosts.value.trim()];
      const { hosts: found } = await call<Coverage>('POST', 'v1/images/coverage', {
        image: image.value.trim(),
        hosts: selectors,
      });
      fill(answer, ...coverageBar(found));
      table.element.hidden = false;
      table.set(found.sort((a, b) => ORDER.indexOf(kindOf(b)) - ORDER.indexOf(kindOf(a))));
    } catch (error) {
      fill(answer, h('p', { class: 'bad' }, (error as ApiError).message));
    }
  };
  const form = h(
    'form',
    {
      class: 'form inline',
      onsubmit: (event: Event) => {
        event.preventDefault();
        void look();
      },
    },
    field('image', image),
    field('hosts', hosts),
    h('button', { type: 'submit', class: 'primary' }, t('look')),
  );
  return {
    element: h(
      'div',
      {},
      h('h1', { class: 'sr' }, t('imageTitle')),
      panel(t('imageTitle'), form, answer, table.element),
    ),
  };
}

function kindOf({ ready, jobs, error }: HostCoverage): Kind {
  if (error) return 'cannot';
  if (ready) return 'ready';
  return jobs.length > 0 ? 'coming' : 'missing';
}

function coverageBar(hosts: readonly HostCoverage[]): HTMLElement[] {
  const counts = ORDER.map((kind) => [kind, hosts.filter((host) => kindOf(host) === kind).length] as const);
  const parts = counts.map(([kind, count]) => {
    const part = h('span', { class: 'part', 'data-state': KINDS[kind].state });
    part.style.width = `${(count * 100) / Math.max(1, hosts.length)}%`;
    return part;
  });
  const words = counts.map(([kind, count]) =>
    h('li', {}, h('i', { 'data-state': KINDS[kind].state }), `${t(KINDS[kind].text)} ${numberText(count)}`),
  );
  return [h('div', { class: 'bar tall' }, ...parts), h('ul', { class: 'legend' }, ...words)];
}

function columns() {
  return [
    { title: t('name'), width: '2fr', cell: ({ name }: HostCoverage) => name },
    {
      ...{ title: t('state'), width: '8rem' },
      cell: (host: HostCoverage) => badge(KINDS[kindOf(host)].state, t(KINDS[kindOf(host)].text)),
    },
    {
      ...{ title: t('platform'), width: '2fr' },
      cell: ({ platform }: HostCoverage) =>
        [platform.os, platform.architecture, platform.osVersion].filter(Boolean).join(' '),
    },
    { title: t('manifest'), width: '2fr', cell: ({ digest }: HostCoverage) => digest?.slice(0, 19) ?? '–' },
    { title: t('reason'), width: '3fr', cell: ({ error, jobs }: HostCoverage) => error?.text ?? jobs.join(' ') },
  ];
}
