/** Why hosts failed, by cause: how many, which, and what to do next. */
import type { SessionError } from '@shoal/tracker/client';
import type { Cell } from '../cells.ts';
import { fill, h } from '../dom.ts';
import { panel } from '../parts.ts';
import { numberText, type TextKey, t } from '../text.ts';

const MAX_NAMED = 12;
const NEXT: Readonly<Record<string, TextKey>> = {
  INCOMPATIBLE: 'nextIncompatible',
  NO_PLATFORM: 'nextIncompatible',
  DISK_FULL: 'nextDisk',
  ENGINE_DISK_FULL: 'nextEngineDisk',
  ENGINE_DOWN: 'nextEngine',
  ENGINE_FORBIDDEN: 'nextEngine',
};

export function failuresPart(choose: (cell: Cell) => void) {
  const body = h('div', {}, h('p', { class: 'empty' }, t('noFailures')));
  const element = panel(t('failures'), body);
  const errors = new Map<Cell, SessionError>();
  let isNew = false;
  return {
    element,
    add(cell: Cell, error: SessionError) {
      errors.set(cell, error);
      isNew = true;
    },
    drop(cell: Cell) {
      isNew = errors.delete(cell) || isNew;
    },
    clear() {
      errors.clear();
      isNew = true;
    },
    draw() {
      if (!isNew) return;
      isNew = false;
      if (errors.size === 0) fill(body, h('p', { class: 'empty' }, t('noFailures')));
      else fill(body, ...causesOf(errors).map((cause) => describe(cause, choose)));
    },
  };
}

interface Cause {
  error: SessionError;
  cells: Cell[];
}

/** The most frequent first. A text that names its host is one cause for each. */
function causesOf(errors: ReadonlyMap<Cell, SessionError>): Cause[] {
  const causes = new Map<string, Cause>();
  for (const [cell, error] of errors) {
    const key = `${error.code} ${error.text}`;
    const cause = causes.get(key) ?? { error, cells: [] };
    cause.cells.push(cell);
    causes.set(key, cause);
  }
  return [...causes.values()].sort((a, b) => b.cells.length - a.cells.length).slice(0, 20);
}

function describe({ error, cells }: Cause, choose: (cell: Cell) => void): HTMLElement {
  const named = cells
    .slice(0, MAX_NAMED)
    .map((cell) => h('button', { type: 'button', class: 'plain', onclick: () => choose(cell) }, cell.name));
  const rest = cells.length - named.length;
  const next = t(NEXT[error.code] ?? (error.retryable ? 'nextRetry' : 'nextFix'));
  return h(
    'div',
    { class: 'cause' },
    h('p', {}, h('strong', {}, `${numberText(cells.length)} × ${error.code}`)),
    h('p', { class: 'words' }, error.text),
    h('p', { class: 'next' }, h('b', {}, `${t('nextStep')}: `), next),
    h('p', { class: 'names' }, ...named, rest > 0 && h('span', { class: 'sub' }, t('more', { n: numberText(rest) }))),
  );
}
