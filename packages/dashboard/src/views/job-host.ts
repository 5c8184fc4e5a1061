/** The chosen host of a job: how far each image is, who feeds it and whom it feeds. Asked again while it is shown. */
import type { ImageReport, JobHostDetail } from '@shoal/tracker/client';
import { type ApiError, look } from '../api.ts';
import type { Cell } from '../cells.ts';
import { fill, h } from '../dom.ts';
import { bytesText, percentText, shortReference } from '../format.ts';
import { badge, panel, stateText } from '../parts.ts';
import { t } from '../text.ts';

const AGAIN_MS = 2000;
/** Who runs over cells with the arrow keys wants the last one. */
const SETTLE_MS = 120;

export function hostPart(jobId: string) {
  const body = h('div', {}, h('p', { class: 'empty' }, t('chooseHost')));
  const element = panel(t('chosenHost'), body);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let shown: { cell: Cell; abort: AbortController } | undefined;

  const load = async (now: NonNullable<typeof shown>): Promise<void> => {
    const { cell, abort } = now;
    try {
      const path = `v1/jobs/${encodeURIComponent(jobId)}/hosts/${cell.peerId}`;
      const detail = await look<JobHostDetail>(path, abort.signal);
      if (shown === now) fill(body, ...describe(detail));
    } catch (error) {
      if (shown === now) fill(body, h('p', { class: 'bad' }, (error as ApiError).message));
    }
    if (shown === now && cell.state !== 'ready') timer = setTimeout(() => void load(now), AGAIN_MS);
  };
  const close = () => {
    clearTimeout(timer);
    shown?.abort.abort();
    shown = undefined;
  };
  return {
    element,
    show(cell: Cell) {
      close();
      const now = { cell, abort: new AbortController() };
      shown = now;
      timer = setTimeout(() => void load(now), SETTLE_MS);
    },
    close,
  };
}

function describe({ host, feeds }: JobHostDetail): HTMLElement[] {
  const head = h(
    'p',
    { class: 'host' },
    h('strong', {}, host.name),
    badge(host.state, stateText(host.state)),
    !host.online && badge('offline', t('offline')),
    host.wave !== undefined && h('span', { class: 'sub' }, t('wave', { n: host.wave })),
  );
  const feeders = host.images.flatMap((image) => image.feeders);
  return [
    head,
    ...host.images.map(imageOf),
    ...(host.error ? [h('p', { class: 'bad' }, `${host.error.code}: ${host.error.text}`)] : []),
    h('div', { class: 'pair' }, sharesOf(t('feeders'), merged(feeders)), sharesOf(t('feeds'), feeds)),
  ];
}

function imageOf({ reference, state, haveBytes, wantedBytes, error }: ImageReport): HTMLElement {
  const amount = t('have', { have: bytesText(haveBytes), wanted: bytesText(wantedBytes) });
  return h(
    'div',
    { class: 'image' },
    h('span', { class: 'reference', title: reference }, shortReference(reference)),
    h('span', { class: 'sub' }, `${stateText(state)} · ${amount} · ${percentText(haveBytes, wantedBytes)}`),
    error && h('span', { class: 'sub bad' }, `${error.code}: ${error.text}`),
  );
}

interface Share {
  name: string;
  bytes: number;
}

function merged(shares: readonly Share[]): Share[] {
  const sums = new Map<string, number>();
  for (const { name, bytes } of shares) sums.set(name, (sums.get(name) ?? 0) + bytes);
  return [...sums].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes);
}

function sharesOf(title: string, shares: readonly Share[]): HTMLElement {
  const most = Math.max(1, ...shares.map(({ bytes }) => bytes));
  const rows = shares.map(({ name, bytes }) => {
    const bar = h('span', { class: 'share' });
    bar.style.width = `${(bytes * 100) / most}%`;
    return h('li', {}, bar, h('span', { class: 'who' }, name), h('span', { class: 'amount' }, bytesText(bytes)));
  });
  return h(
    'div',
    {},
    h('h3', {}, title),
    rows.length > 0 ? h('ul', { class: 'shares' }, ...rows) : h('p', { class: 'empty' }, t('nobody')),
  );
}
