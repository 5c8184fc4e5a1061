/** The fleet: hosts by zone, version and platform, and a table of all of them with a search. */
import type { HostGroup, HostView } from '@shoal/tracker/client';
import { type ApiError, call } from '../api.ts';
import { fill, h, setText } from '../dom.ts';
import { bytesText, inOrder, rateText } from '../format.ts';
import { badge, panel } from '../parts.ts';
import { numberText, t, timeText } from '../text.ts';
import type { View, ViewContext } from '../view.ts';
import { virtualTable } from '../virtual-table.ts';

const SHOWN_GROUPS = 8;
/** How often the list is asked again: of ten thousand hosts it is megabytes, and comes every few minutes. */
const AGAIN_MS = 15_000;
const AGAIN_MS_A_HOST = 15;
/** A host says what its card does while it moves something of ours. */
const FRESH_MS = 60_000;

interface Line {
  host: HostView;
  /** In small letters, all that is searched. */
  text: string;
}

export function hostsView({ live, announce }: ViewContext): View {
  const groups = h('div', { class: 'groups' });
  const search = h('input', { type: 'search', placeholder: t('search'), 'aria-label': t('search'), class: 'find' });
  const shown = h('span', { class: 'sub', 'aria-live': 'polite' });
  const table = virtualTable<Line>(t('hosts'), columns());
  let lines: Line[] = [];
  let said = '';
  let loadedAt = Number.NEGATIVE_INFINITY;

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length === 0 ? lines : lines.filter(({ text }) => words.every((word) => text.includes(word)));
    table.set(found);
    setText(shown, t('shown', { n: numberText(found.length), all: numberText(lines.length) }));
  };
  const load = async () => {
    loadedAt = performance.now();
    try {
      const hosts = await call<HostView[]>('GET', 'v1/hosts');
      lines = inOrder(hosts).map((host) => ({ host, text: searchable(host) }));
      filter();
    } catch (error) {
      announce((error as ApiError).message, 'error');
    }
  };
  search.addEventListener('input', filter);
  const unsubscribe = live.subscribe(() => {
    const { fleet } = live;
    if (!fleet) return;
    if (performance.now() - loadedAt > Math.max(AGAIN_MS, lines.length * AGAIN_MS_A_HOST)) void load();
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
    panel(t('hosts'), h('div', { class: 'above' }, search, shown), table.element),
  );
  return { element, close: unsubscribe };
}

/** Ours and all else, down and up; what is old says nothing of now. */
function cardText({ business, own, at }: NonNullable<HostView['card']>): string {
  if (Date.now() - Date.parse(at) > FRESH_MS) return '–';
  const of = ({ download, upload }: typeof own) => `↓ ${rateText(download)} ↑ ${rateText(upload)}`;
  return `${of(own)} · ${t('business')} ${of(business)}`;
}

function searchable({ name, labels, version, platform, role, online }: HostView): string {
  const words = [name, labelsText(labels), version, platform.os, platform.architecture, platform.osVersion ?? '', role];
  return [...words, online ? t('online') : t('offline')].join(' ').toLowerCase();
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

function columns() {
  const of = (title: string, width: string, cell: (host: HostView) => string | HTMLElement) => ({
    ...{ title, width },
    cell: ({ host }: Line) => cell(host),
  });
  return [
    of(t('name'), '2fr', ({ name }) => name),
    of(t('state'), '6rem', ({ online }) => badge(online ? 'online' : 'offline', online ? t('online') : t('offline'))),
    of(t('labels'), '3fr', ({ labels }) => labelsText(labels)),
    of(t('platform'), '2fr', ({ platform }) =>
      [platform.os, platform.architecture, platform.osVersion].filter(Boolean).join(' '),
    ),
    of(t('version'), '1fr', ({ version }) => version),
    of(t('engine'), '1fr', ({ engine }) => (engine ? engine.version : '–')),
    of(t('card'), '2fr', ({ card }) => (card ? cardText(card) : '–')),
    of(t('received'), '6.5rem', ({ traffic }) => bytesText(traffic.receivedBytes)),
    of(t('lastSeen'), '2fr', ({ online, lastSeenAt }) => (online ? '' : timeText(lastSeenAt))),
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
