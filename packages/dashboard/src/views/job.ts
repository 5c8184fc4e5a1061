/** One job, live: its figures, what can be done with it, a cell for each host, the chosen host, the failures. */
import type { JobCells, JobSummary } from '@shoal/tracker/client';
import { follow } from '../api.ts';
import { type Cell, createCells } from '../cells.ts';
import { fill, h, setText } from '../dom.ts';
import { bytesText, rateText, shortReference } from '../format.ts';
import { HOST_STATES } from '../host-state.ts';
import { applyCells } from '../job-hosts.ts';
import { isOpenState } from '../job-state.ts';
import { badge, facts, jobBar, panel, setBadge, stateText, timeOf } from '../parts.ts';
import { numberText, t, timeText } from '../text.ts';
import { isAdmin, type View, type ViewContext } from '../view.ts';
import { failuresPart } from './failures.ts';
import { jobActions } from './job-actions.ts';
import { hostPart } from './job-host.ts';

const FACTS = ['hosts', 'rate', 'ready', 'deadline', 'fromPeers', 'origin', 'priority', 'waves', 'selectors'] as const;

export function jobView(id: string, context: ViewContext): View {
  const state = badge('', '');
  const title = h('h1', {}, `${t('job')} ${id.slice(0, 8)}`);
  const warning = h('p', { class: 'warning', role: 'status' });
  const bar = jobBar();
  const figures = facts(FACTS);
  const actions = isAdmin(context) ? jobActions(id, context) : undefined;
  const legend = h('ul', { class: 'legend' });
  const said = h('p', { class: 'sr', 'aria-live': 'polite' });
  const chosen = hostPart(id);
  const failures = failuresPart((cell) => canvas.choose(cell));
  const hosts: Cell[] = [];
  let stop = () => {};

  const canvas = createCells((cell) => {
    setText(said, `${cell.name}: ${stateText(cell.state)}, ${cell.percent} %${cell.online ? '' : `, ${t('offline')}`}`);
    chosen.show(cell);
  });

  const change = (news: JobCells) => {
    for (const { cell, before } of applyCells(hosts, news)) {
      if (before === 'failed' && cell.state !== 'failed') failures.drop(cell);
      if (news.hosts.length === 0) canvas.changed(cell);
    }
    if (news.hosts.length > 0) canvas.place(hosts);
    for (const { host, error } of news.errors) {
      const cell = hosts[host];
      if (cell) failures.add(cell, error);
    }
    show(news.job);
  };

  const show = (job: JobSummary) => {
    setBadge(state, job.state, stateText(job.state));
    setText(title, job.images.map(({ reference }) => shortReference(reference)).join(', '));
    title.title = job.images.map(({ reference }) => reference).join('\n');
    setText(warning, job.warning ?? '');
    warning.hidden = job.warning === undefined;
    bar.update(job);
    for (const [key, value] of factsOf(job)) figures.set(key, value);
    actions?.update(job);
    canvas.element.setAttribute('aria-label', `${t('cellsLabel', { n: hosts.length })}. ${t('cellsHelp')}`);
    fill(legend, ...legendOf(job));
    failures.draw();
  };

  const open = () => {
    stop();
    stop = follow<JobCells>(`v1/jobs/${encodeURIComponent(id)}/cells`, {
      on: change,
      // A cut stream begins again with all hosts, numbered anew.
      state: (isLive) => {
        if (!isLive) return;
        hosts.length = 0;
        failures.clear();
      },
      refused: ({ message }) => context.announce(message, 'error'),
      isLast: ({ job }) => !isOpenState(job.state),
    });
  };
  actions?.onReopened(open);
  open();

  const find = h('input', { type: 'search', placeholder: t('findHost'), 'aria-label': t('findHost'), class: 'find' });
  find.addEventListener('change', () => {
    const wanted = find.value.trim().toLowerCase();
    const cell =
      hosts.find(({ name }) => name.toLowerCase() === wanted) ??
      hosts.find(({ name }) => name.toLowerCase().includes(wanted));
    if (wanted !== '' && cell) canvas.choose(cell);
  });
  const element = h(
    'div',
    { class: 'job' },
    h('p', { class: 'crumb' }, h('a', { href: '#/jobs' }, `← ${t('back')}`)),
    h('header', { class: 'headline' }, title, state, actions?.element),
    warning,
    panel(undefined, bar.element, figures.element),
    h(
      'div',
      { class: 'split' },
      panel(
        t('cells'),
        h('div', { class: 'above' }, legend, find),
        h('div', { class: 'canvas' }, canvas.element),
        said,
      ),
      h('div', {}, chosen.element, failures.element),
    ),
  );
  return {
    element,
    close() {
      stop();
      canvas.close();
      chosen.close();
    },
  };
}

function factsOf(job: JobSummary): [(typeof FACTS)[number], string][] {
  const { counts, bytes, terms, wave } = job;
  return [
    ['hosts', t('readyOf', { ready: numberText(counts.ready), hosts: numberText(counts.hosts) })],
    ['rate', isOpenState(job.state) ? rateOf(job) : '–'],
    ['ready', timeOf(job).text],
    ['deadline', terms.by === undefined ? t('noDeadline') : timeText(terms.by)],
    ['fromPeers', bytesText(bytes.fromPeers)],
    ['origin', bytesText(job.originBytes)],
    ['priority', String(terms.priority ?? 0)],
    ['waves', wave === undefined ? '–' : `${terms.waves?.percents.join(', ')} % · ${t('waveNow', wave)}`],
    ['selectors', job.selectors?.join(' | ') ?? t('allHosts')],
  ];
}

/** How fast it goes, and what the policy allows. */
function rateOf({ bytesPerSecond, allowed }: JobSummary): string {
  const now = rateText(bytesPerSecond);
  if (allowed === undefined) return now;
  return t('rateOf', { now, most: rateText(allowed.bytesPerSecond), rule: allowed.rule });
}

function legendOf({ counts }: JobSummary): HTMLElement[] {
  const entries = HOST_STATES.map((state) =>
    h('li', {}, h('i', { 'data-state': state }), `${stateText(state)} ${numberText(counts[state])}`),
  );
  const offline =
    counts.offline > 0 &&
    h('li', {}, h('i', { 'data-state': 'offline' }), `${t('offline')} ${numberText(counts.offline)}`);
  return offline ? [...entries, offline] : entries;
}
