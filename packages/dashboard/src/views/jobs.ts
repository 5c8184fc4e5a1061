/** The first page: the fleet in four figures and all jobs, live. */

import type { JobSummary } from '@shoal/tracker/client';
import { fill, h, keyedList, type Row, setText } from '../dom.ts';
import { bytesText, percentText, rateText, shortReference } from '../format.ts';
import { isOpenState } from '../job-state.ts';
import { badge, jobBar, panel, setBadge, stateText, timeOf } from '../parts.ts';
import { numberText, t, timeText } from '../text.ts';
import { isAdmin, type View, type ViewContext } from '../view.ts';

export function jobsView(context: ViewContext): View {
  const { live } = context;
  const figures = fleetFigures(context);
  const body = h('tbody');
  const table = h(
    'table',
    { class: 'jobs' },
    h('thead', {}, h('tr', {}, ...heads().map((text) => h('th', { scope: 'col' }, text)))),
    body,
  );
  const empty = h('p', { class: 'empty' });
  fill(empty, t('noJobs'), ' ', isAdmin(context) && h('a', { href: '#/order' }, t('noJobsAdmin')));
  const show = keyedList<JobSummary>(body, ({ id }) => id, jobRow);
  const element = h(
    'div',
    {},
    h('h1', { class: 'sr' }, t('jobs')),
    figures.element,
    panel(t('jobs'), h('div', { class: 'scroll' }, table), empty),
  );
  const unsubscribe = live.subscribe(() => {
    figures.update();
    show(live.jobs);
    table.hidden = live.jobs.length === 0;
    empty.hidden = live.fleet === undefined || live.jobs.length > 0;
  });
  return { element, close: unsubscribe };
}

function heads(): string[] {
  return [t('state'), t('images'), t('hosts'), t('progress'), t('received'), t('rate'), t('ready')];
}

function jobRow({ id }: JobSummary): Row<JobSummary> {
  const state = badge('', '');
  const link = h('a', { href: `#/jobs/${id}` });
  const [hosts, received, rate, time] = [h('span'), h('span'), h('span'), h('span')];
  const [small, wanted, failed] = [
    h('span', { class: 'sub' }),
    h('span', { class: 'sub' }),
    h('span', { class: 'sub bad' }),
  ];
  const warning = h('span', { class: 'sub warn' });
  const bar = jobBar();
  const cell = (label: string, kind: string, ...children: Node[]) =>
    h('td', { class: kind, 'data-label': label }, ...children);
  const [state_, images_, hosts_, progress_, received_, rate_, ready_] = heads() as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const element = h(
    'tr',
    {},
    cell(state_, 'tight', state),
    cell(images_, 'wide', link, small, warning),
    cell(hosts_, 'number', hosts, failed),
    cell(progress_, 'progress', bar.element),
    cell(received_, 'number', received),
    cell(rate_, 'number', rate),
    cell(ready_, 'time', time, wanted),
  );
  return {
    element,
    update(job) {
      setBadge(state, job.state, stateText(job.state));
      setText(link, job.images.map(({ reference }) => shortReference(reference)).join(', '));
      link.title = job.images.map(({ reference }) => reference).join('\n');
      setText(small, `${job.id.slice(0, 8)} · ${timeText(job.createdAt)}`);
      setText(warning, job.warning ?? '');
      setText(hosts, `${numberText(job.counts.ready)} / ${numberText(job.counts.hosts)}`);
      setText(failed, badCounts(job));
      bar.update(job);
      setText(received, bytesText(job.bytes.have));
      setText(rate, isOpenState(job.state) && job.bytesPerSecond > 0 ? rateText(job.bytesPerSecond) : '–');
      const { text, isLate } = timeOf(job);
      setText(time, text);
      time.classList.toggle('bad', isLate);
      setText(wanted, job.terms.by === undefined ? '' : t('by', { time: timeText(job.terms.by) }));
    },
  };
}

function badCounts({ counts }: JobSummary): string {
  const parts = [
    counts.failed > 0 && t('failedCount', { n: numberText(counts.failed) }),
    counts.offline > 0 && t('offlineCount', { n: numberText(counts.offline) }),
  ];
  return parts.filter(Boolean).join(', ');
}

/** Hosts, jobs, what moves now, what the registry was spared. */
function fleetFigures({ live }: ViewContext): { element: HTMLElement; update(): void } {
  const tiles = Array.from({ length: 4 }, () => ({
    value: h('strong'),
    word: h('span'),
    detail: h('span', { class: 'sub' }),
  }));
  const element = h('section', { class: 'tiles', 'aria-label': t('fleet') });
  element.append(
    ...tiles.map(({ value, word, detail }) => h('div', { class: 'tile' }, h('div', {}, value, ' ', word), detail)),
  );
  const set = (at: number, value: string, [word, detail]: [string, string]) => {
    const tile = tiles[at];
    if (!tile) return;
    setText(tile.value, value);
    setText(tile.word, word);
    setText(tile.detail, detail);
  };
  return {
    element,
    update() {
      const { fleet, jobs, rates } = live;
      if (!fleet) return;
      const { agents, seeders, traffic } = fleet;
      const known = t('ofKnown', { known: numberText(agents.known) });
      set(0, numberText(agents.online), [t('hostsOnline'), `${known} · ${t('seedersOnline', seeders)}`]);
      const open = jobs.filter(({ state }) => isOpenState(state));
      const by = ['running', 'scheduled', 'paused', 'standing'] as const;
      const counts = by.map((state) => [stateText(state), open.filter((job) => job.state === state).length] as const);
      const some = counts.filter(([, count]) => count > 0).map(([text, count]) => `${count} ${text}`);
      set(1, numberText(open.length), [t('openJobs'), some.join(' · ')]);
      set(2, rateText(rates.peers), [t('movingNow'), t('fromOriginNow', { rate: rateText(rates.origin) })]);
      const [peers, origin] = [traffic.receivedBytes, traffic.originBytes];
      const detail = t('savedDetail', { peers: bytesText(peers), origin: bytesText(origin) });
      const isZoned = fleet.zones.length > 1 && peers > 0;
      const inZone = percentText(peers - traffic.remoteBytes, peers);
      set(3, percentText(peers, peers + origin), [
        t('saved'),
        isZoned ? `${detail}, ${t('savedUplinks', { percent: inZone })}` : detail,
      ]);
    },
  };
}
