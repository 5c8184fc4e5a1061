/** Small pieces that several views are made of. */
import type { JobSummary } from '@shoal/tracker/client';
import { h, setText } from './dom.ts';
import { durationText } from './format.ts';
import { HOST_STATES } from './host-state.ts';
import { type TextKey, t } from './text.ts';

export function badge(state: string, text: string): HTMLElement {
  return h('span', { class: 'badge', 'data-state': state }, text);
}

export function setBadge(element: HTMLElement, state: string, text: string): void {
  element.dataset.state = state;
  setText(element, text);
}

export interface Bar {
  element: HTMLElement;
  update(job: JobSummary): void;
}

/** A job's hosts by state, as parts of one bar; the bytes that are here show as the length of what is under way. */
export function jobBar(): Bar {
  const parts = (['ready', 'failed', 'loading', 'fetching'] as const).map((state) => ({
    state,
    element: h('span', { class: 'part', 'data-state': state }),
  }));
  const element = h('div', { class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100 });
  element.append(...parts.map((part) => part.element));
  return {
    element,
    update({ counts, bytes }) {
      const share = (hosts: number) => (counts.hosts === 0 ? 0 : (hosts * 100) / counts.hosts);
      for (const { state, element: part } of parts) {
        const moved = state === 'fetching' && bytes.wanted > 0 ? bytes.have / bytes.wanted : 1;
        part.style.width = `${(share(counts[state]) * moved).toFixed(2)}%`;
      }
      element.setAttribute('aria-valuenow', String(Math.floor(share(counts.ready))));
      element.setAttribute('aria-valuetext', t('readyOf', counts));
      element.title = HOST_STATES.map((state) => `${stateText(state)} ${counts[state]}`).join(', ');
    },
  };
}

/** A state of a job or of a host; `ready` of hosts is another word than the column. */
export function stateText(state: string): string {
  return state === 'ready' ? t('hostReady') : t(state as TextKey);
}

/** When it will be ready against when it is wanted, or what else is to say of its time. */
export function timeOf(job: JobSummary): { text: string; isLate: boolean } {
  const { state, readyAt, finishedAt, createdAt, terms } = job;
  if (finishedAt) return { text: t('finishedIn', { time: between(createdAt, finishedAt) }), isLate: false };
  const nowMs = Date.now();
  if (state === 'scheduled' && terms.at) {
    return { text: t('startsIn', { time: durationText(Date.parse(terms.at) - nowMs) }), isLate: false };
  }
  if (!readyAt) return { text: '–', isLate: terms.by !== undefined && Date.parse(terms.by) < nowMs };
  const time = durationText(Date.parse(readyAt) - nowMs);
  if (!terms.by) return { text: t('eta', { time }), isLate: false };
  const spareMs = Date.parse(terms.by) - Date.parse(readyAt);
  if (spareMs < 0) return { text: t('etaLate', { time, late: durationText(-spareMs) }), isLate: true };
  return { text: t('etaEarly', { time, early: durationText(spareMs) }), isLate: false };
}

function between(from: string, to: string): string {
  return durationText(Date.parse(to) - Date.parse(from));
}

export function field(label: TextKey, input: HTMLElement, hint?: string): HTMLElement {
  const id = `field-${label}`;
  input.id = id;
  if (hint) input.setAttribute('aria-describedby', `${id}-hint`);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, t(label)),
    input,
    hint && h('p', { class: 'hint', id: `${id}-hint` }, hint),
  );
}

export function panel(title: string | undefined, ...children: (Node | undefined)[]): HTMLElement {
  return h('section', { class: 'panel' }, title !== undefined && h('h2', {}, title), ...children);
}

/** Words and their values in a grid; returns how to change a value. */
export function facts(keys: readonly TextKey[]): { element: HTMLElement; set(key: TextKey, value: string): void } {
  const values = new Map(keys.map((key) => [key, h('dd', {}, '–')]));
  const element = h('dl', { class: 'facts' });
  for (const [key, value] of values) element.append(h('div', {}, h('dt', {}, t(key)), value));
  return {
    element,
    set(key, value) {
      const place = values.get(key);
      if (place) setText(place, value);
    },
  };
}
