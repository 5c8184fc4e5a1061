/** A pre-warm order: what, where, when. The hosts are looked at first; only what was looked at is ordered. */
import type { Coverage, JobRequest, JobView } from '@shoal/tracker/client';
import { type ApiError, call } from '../api.ts';
import { fill, h } from '../dom.ts';
import { field, panel } from '../parts.ts';
import { numberText, t } from '../text.ts';
import { isAdmin, type View, type ViewContext } from '../view.ts';

export function orderView(context: ViewContext): View {
  if (!isAdmin(context)) {
    return {
      element: h(
        'div',
        {},
        h('h1', { class: 'sr' }, t('orderTitle')),
        panel(t('orderTitle'), h('p', {}, t('adminOnly'))),
      ),
    };
  }
  const images = h('textarea', { rows: 2, required: true, spellcheck: 'false' });
  const hosts = h('textarea', { rows: 2, spellcheck: 'false' });
  const at = h('input', { type: 'datetime-local' });
  const by = h('input', { type: 'datetime-local' });
  const waves = h('input', { inputmode: 'numeric', pattern: '[0-9, ]*', placeholder: '1,10,100' });
  const priority = h('input', { type: 'number', min: -100, max: 100, placeholder: '0' });
  const cacheOnly = h('input', { type: 'checkbox', id: 'field-cacheOnly' });
  const answer = h('p', { class: 'answer', role: 'status' });
  const check = h('button', { type: 'button', onclick: () => void look() }, t('check'));
  const order = h('button', { type: 'submit', class: 'primary', disabled: true }, t('order'));

  const fail = (error: unknown) => fill(answer, h('span', { class: 'bad' }, (error as ApiError).message));
  const forget = () => {
    order.disabled = true;
    fill(answer);
  };
  images.addEventListener('input', forget);
  hosts.addEventListener('input', forget);

  const look = async () => {
    if (!form.reportValidity()) return;
    fill(answer, t('checking'));
    check.disabled = true;
    try {
      const selectors = lines(hosts.value);
      for (const image of lines(images.value) ?? []) {
        const { hosts: found } = await call<Coverage>('POST', 'v1/images/coverage', { image, hosts: selectors });
        // Without a selector every agent is meant, and no seeder: the coverage names all of them alike.
        const counts = {
          ready: found.filter(({ ready }) => ready).length,
          cannot: found.filter(({ error }) => error).length,
        };
        answer.append(summary(image, found.length, counts));
      }
      answer.firstChild?.remove();
      order.disabled = false;
      order.focus();
    } catch (error) {
      fail(error);
    } finally {
      check.disabled = false;
    }
  };
  const send = async () => {
    order.disabled = true;
    const request: JobRequest = {
      images: lines(images.value) ?? [],
      ...{ hosts: lines(hosts.value), at: instant(at.value), by: instant(by.value) },
      waves: waves.value.trim() === '' ? undefined : { percents: waves.value.split(',').map(Number) },
      priority: priority.value === '' ? undefined : Number(priority.value),
      cacheOnly: cacheOnly.checked || undefined,
    };
    try {
      const { id } = await call<JobView>('POST', 'v1/jobs', request);
      context.announce(t('ordered', { id: id.slice(0, 8) }));
      location.hash = `#/jobs/${id}`;
    } catch (error) {
      fail(error);
      order.disabled = false;
    }
  };
  const form = h(
    'form',
    {
      class: 'form',
      onsubmit: (event: Event) => {
        event.preventDefault();
        if (order.disabled) void look();
        else void send();
      },
    },
    field('images', images, t('imagesHelp')),
    field('hosts', hosts, t('hostsHelp')),
    h('div', { class: 'row' }, field('at', at), field('byField', by)),
    h('div', { class: 'row' }, field('waves', waves, t('wavesHelp')), field('priority', priority, t('priorityHelp'))),
    h('div', { class: 'check' }, cacheOnly, h('label', { for: 'field-cacheOnly' }, t('cacheOnly'))),
    answer,
    h('div', { class: 'actions' }, check, order),
  );
  return {
    element: h('div', { class: 'narrow' }, h('h1', { class: 'sr' }, t('orderTitle')), panel(t('orderTitle'), form)),
  };
}

function summary(image: string, n: number, { ready, cannot }: { ready: number; cannot: number }): HTMLElement {
  const text = t('matches', { n: numberText(n), ready: numberText(ready), cannot: numberText(cannot) });
  return h('span', { class: 'matches' }, h('strong', {}, image), ` ${text}`);
}

/** Undefined: none. */
function lines(text: string): string[] | undefined {
  const found = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return found.length > 0 ? found : undefined;
}

function instant(local: string): string | undefined {
  return local === '' ? undefined : new Date(local).toISOString();
}
