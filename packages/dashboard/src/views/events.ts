/** What happened lately, newest first. */
import type { LogEntry } from '@shoal/tracker/client';
import { h, keyedList } from '../dom.ts';
import { shortReference } from '../format.ts';
import { badge, panel, stateText } from '../parts.ts';
import { clockText, t } from '../text.ts';
import type { View, ViewContext } from '../view.ts';

const SHOWN = 200;

export function eventsView({ live }: ViewContext): View {
  const list = h('ol', { class: 'log', role: 'log', 'aria-live': 'off' });
  const empty = h('p', { class: 'empty' }, t('noEvents'));
  const show = keyedList<LogEntry>(
    list,
    ({ number }) => String(number),
    (entry) => ({ element: lineOf(entry), update() {} }),
  );
  const unsubscribe = live.subscribe(() => {
    show(live.log.slice(0, SHOWN));
    empty.hidden = live.log.length > 0;
  });
  return {
    element: h(
      'div',
      { class: 'narrow' },
      h('h1', { class: 'sr' }, t('eventsTitle')),
      panel(t('eventsTitle'), list, empty),
    ),
    close: unsubscribe,
  };
}

function lineOf({ at, kind, id, name = '', state, came = 0, left = 0 }: LogEntry): HTMLElement {
  const time = h('time', { datetime: at }, clockText(at));
  if (kind === 'job') {
    const text = t('evJob', { name: shortReference(name), state: '' }).replace(/[:：]\s*$/, '');
    return h('li', {}, time, badge(state ?? '', stateText(state ?? '')), h('a', { href: `#/jobs/${id}` }, text));
  }
  if (kind === 'manyHosts')
    return h('li', {}, time, badge(came > left ? 'online' : 'offline', t('hosts')), t('evMany', { came, left }));
  const isHere = kind === 'hostCame';
  return h(
    'li',
    {},
    time,
    badge(isHere ? 'online' : 'offline', isHere ? t('online') : t('offline')),
    t(isHere ? 'evCame' : 'evLeft', { name }),
  );
}
