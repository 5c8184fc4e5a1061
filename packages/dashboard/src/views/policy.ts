/** The bandwidth policy in force: what it allows now, and its week with now marked. */
import type { PolicyView, PolicyWeek } from '@shoal/tracker/client';
import { ApiError, call } from '../api.ts';
import { fill, h } from '../dom.ts';
import { rateText } from '../format.ts';
import { field, panel } from '../parts.ts';
import { t, timeText } from '../text.ts';
import type { View } from '../view.ts';
import { CLASSES, drawWeek, rateIn } from '../week.ts';

export function policyView(): View {
  const host = h('input', { spellcheck: 'false', autocomplete: 'off' });
  const about = h('p', { class: 'sub' });
  const body = h('div', { role: 'status' });
  const form = h(
    'form',
    {
      class: 'form inline one',
      onsubmit: (event: Event) => {
        event.preventDefault();
        void show();
      },
    },
    field('weekOf', host),
    h('button', { type: 'submit' }, t('show')),
  );
  const show = async () => {
    try {
      const name = host.value.trim() || undefined;
      const week = await call<PolicyWeek>('POST', 'v1/policy/week', { host: name });
      fill(body, ...describe(week));
    } catch (error) {
      fill(body, h('p', { class: 'bad' }, (error as ApiError).message));
    }
  };
  const load = async () => {
    try {
      const { version, appliedAt, appliedBy } = await call<PolicyView>('GET', 'v1/policy');
      fill(about, t('policyVersion', { version, time: timeText(appliedAt), name: appliedBy }));
      form.hidden = false;
      await show();
    } catch (error) {
      const text = error instanceof ApiError && error.code === 'NO_POLICY' ? t('noPolicy') : String(error);
      fill(body, h('p', { class: 'empty' }, text));
    }
  };
  form.hidden = true;
  void load();
  return {
    element: h('div', {}, h('h1', { class: 'sr' }, t('policyTitle')), panel(t('policyTitle'), about, form, body)),
  };
}

function describe(week: PolicyWeek): Node[] {
  const now = week.stretches.find(({ fromHour, toHour }) => fromHour <= week.nowHour && week.nowHour < toHour);
  const rows = CLASSES.map((name) => {
    const limits = now?.limits[name];
    const rules = [...new Set([limits?.download?.rule, limits?.upload?.rule].filter(Boolean))].join(', ');
    const text = t('downUp', { down: textOf(rateIn(limits?.download)), up: textOf(rateIn(limits?.upload)) });
    return h(
      'div',
      {},
      h('dt', {}, `${t('holdsNow')}: ${t(name)}`),
      h('dd', {}, text, h('span', { class: 'sub' }, ` ${rules}`)),
    );
  });
  return [
    h('dl', { class: 'facts' }, ...rows),
    h('p', { class: 'hint' }, t('weekHint', { timezone: week.timezone })),
    drawWeek(week, (rate) => textOf(rate)),
    h('p', { class: 'hint' }, t('weekLegend')),
  ];
}

function textOf(rate: number): string {
  if (rate === Number.POSITIVE_INFINITY) return t('free');
  return rate === 0 ? t('frozen') : rateText(rate);
}
