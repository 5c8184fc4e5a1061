/** The fleet: hosts by zone, version and platform, and a table of all of them with a search. */
import type { HostGroup, HostOrder, HostView } from '@shoal/tracker/client';
import { fill, h, setText } from '../dom.ts';
import { bytesText, rateText } from '../format.ts';
import { openHostWindow } from '../host-window.ts';
import { badge, panel } from '../parts.ts';
import { numberText, type TextKey, t, timeText } from '../text.ts';
import type { View, ViewContext } from '../view.ts';
import { virtualTable } from '../virtual-table.ts';

const SHOWN_GROUPS = 8;
const ORDERS: readonly [HostOrder, TextKey][] = [
  ['name', 'orderName'],
  ['business', 'orderBusiness'],
  ['own', 'orderOwn'],
];

export function hostsView({ live, announce }: ViewContext): View {
  const groups = h('div', { class: 'groups' });
  const search = h('input', { type: 'search', placeholder: t('search'), 'aria-label': t('search'), class: 'find' });
  const order = h(
    'select',
    { 'aria-label': t('orderBy') },
    ...ORDERS.map(([value, text]) => h('option', { value }, t(text))),
  );
  const shown = h('span', { class: 'sub', 'aria-live': 'polite' });
  let said = '';
  const table = virtualTable<HostView>(t('hosts'), columns(), (first, count) => hosts.look(first, count));
  const hosts = openHostWindow({
    onRows(rows) {
      table.set(rows);
      setText(shown, t('shown', { n: numberText(rows.length), all: numberText(knownOf(live)) }));
    },
    onError: ({ message }) => announce(message, 'error'),
  });
  const ask = () => {
    table.element.scrollTop = 0;
    hosts.ask(search.value.trim(), order.value as HostOrder);
  };
  search.addEventListener('input', ask);
  order.addEventListener('change', ask);
  const unsubscribe = live.subscribe(() => {
    const { fleet } = live;
    if (!fleet) return;
    hosts.refresh();
    const now = JSON.stringify([fleet.zones, fleet.versions, fleet.platforms]);
    if (now === said) return;
    said = now;
    fill(
      groups,
      groupPart(t('byZone'), fleet.zones),
      groupPart(t('byVersion'), fleet.versions),
      groupPart(t('byPlatform'), fleet.platforms),
    );
  });
  const element = h(
    'div',
    { class: 'hosts' },
    h('h1', { class: 'sr' }, t('hosts')),
    groups,
    panel(t('hosts'), h('div', { class: 'above' }, search, order, shown), table.element),
  );
  const close = () => {
    unsubscribe();
    hosts.close();
  };
  return { element, close };
}

function knownOf({ fleet }: ViewContext['live']): number {
  return fleet ? fleet.agents.known + fleet.seeders.known : 0;
}

/** Down and up, of its network card; of a host that is away when it was last here. */
function nowText({ online, lastSeenAt, card }: HostView, of: 'business' | 'own'): string {
  if (!online) return of === 'business' ? t('lastSeen', { time: timeText(lastSeenAt) }) : '';
  return card === undefined ? '–' : `↓ ${rateText(card[of].download)} ↑ ${rateText(card[of].upload)}`;
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

function columns() {
  const of = (title: string, width: string, cell: (host: HostView) => string | HTMLElement) => ({ title, width, cell });
  return [
    of(t('name'), '2fr', ({ name }) => name),
    of(t('state'), '6rem', ({ online }) => badge(online ? 'online' : 'offline', online ? t('online') : t('offline'))),
    of(t('labels'), '3fr', ({ labels }) => labelsText(labels)),
    of(t('platform'), '2fr', ({ platform }) =>
      [platform.os, platform.architecture, platform.osVersion].filter(Boolean).join(' '),
    ),
    of(t('version'), '1fr', ({ version }) => version),
    of(t('engine'), '1fr', ({ engine }) => (engine ? engine.version : '–')),
    of(t('business'), '11.5rem', (host) => nowText(host, 'business')),
    of(t('own'), '11.5rem', (host) => nowText(host, 'own')),
    of(t('received'), '6.5rem', ({ traffic }) => bytesText(traffic.receivedBytes)),
  ];
}

function groupPart(title: string, groups: readonly HostGroup[]): HTMLElement {
  const most = Math.max(1, ...groups.map(({ online, offline }) => online + offline));
  const rows = groups.slice(0, SHOWN_GROUPS).map(({ name, online, offline }) => {
    const [here, away] = [
      h('span', { class: 'part', 'data-state': 'ready' }),
      h('span', { class: 'part', 'data-state': 'offline' }),
    ];
    here.style.width = `${(online * 100) / most}%`;
    away.style.width = `${(offline * 100) / most}%`;
    const count = offline > 0 ? `${numberText(online)} + ${numberText(offline)} ${t('offline')}` : numberText(online);
    return h(
      'li',
      {},
      h('span', { class: 'who' }, name || t('none')),
      h('span', { class: 'bar' }, here, away),
      h('span', { class: 'amount' }, count),
    );
  });
  const rest = groups.length - rows.length;
  return panel(
    title,
    h('ul', { class: 'group' }, ...rows),
    rest > 0 ? h('p', { class: 'sub' }, t('more', { n: rest })) : undefined,
  );
}
