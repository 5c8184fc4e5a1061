/** A week of limits as a drawing: a row a day, in it a strip a class, and a line where the week is now. */
import type { PolicyWeek } from '@shoal/tracker/client';
import { t } from './text.ts';

export const CLASSES = ['pull', 'prewarm', 'seed'] as const;

const LEFT = 96;
const PLOT = 720;
const TOP = 22;
const ROW = 40;
const STRIP = 10;

type Limits = PolicyWeek['stretches'][number]['limits']['pull'];

/** Bytes a second; without a limit infinite. */
export function rateIn(rate: Limits['download']): number {
  return rate?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
}

export function drawWeek({ stretches, nowHour }: PolicyWeek, textOf: (rate: number) => string): SVGElement {
  const finite = stretches
    .flatMap(({ limits }) => CLASSES.map((name) => rateIn(limits[name].download)))
    .filter(Number.isFinite);
  const most = Math.max(1, ...finite);
  const svg = shape('svg', { viewBox: `0 0 ${LEFT + PLOT + 24} ${TOP + 7 * ROW}`, class: 'week', role: 'img' });
  svg.setAttribute('aria-label', t('policyTitle'));
  for (const hour of [0, 4, 8, 12, 16, 20, 24]) {
    const x = LEFT + (hour / 24) * PLOT;
    svg.append(shape('line', { x1: x, x2: x, y1: TOP - 6, y2: TOP + 7 * ROW - 4 }));
    svg.append(label({ x, y: TOP - 10, 'text-anchor': 'middle' }, `${String(hour).padStart(2, '0')}:00`));
  }
  t('days')
    .split(' ')
    .forEach((day, row) => {
      const y = TOP + row * ROW;
      svg.append(label({ x: 0, y: y + 20 }, day));
      CLASSES.forEach((name, at) => {
        const middle = y + at * (STRIP + 1) + 8;
        svg.append(label({ x: LEFT - 6, y: middle, 'text-anchor': 'end', 'font-size': 9 }, t(name)));
      });
    });
  for (const stretch of stretches) {
    for (let day = Math.floor(stretch.fromHour / 24); day < 7 && day * 24 < stretch.toHour; day++) {
      const from = Math.max(stretch.fromHour - day * 24, 0);
      const to = Math.min(stretch.toHour - day * 24, 24);
      CLASSES.forEach((name, at) => {
        const rate = rateIn(stretch.limits[name].download);
        const kind = rate === 0 ? 'frozen' : Number.isFinite(rate) ? 'rate' : 'free';
        const rect = shape('rect', {
          ...{ x: LEFT + (from / 24) * PLOT, y: TOP + day * ROW + at * (STRIP + 1), class: kind, height: STRIP },
          ...{
            width: Math.max(0, ((to - from) / 24) * PLOT),
            'fill-opacity': kind === 'rate' ? 0.25 + 0.75 * (rate / most) : 0.8,
          },
        });
        const title = shape('title', {});
        title.textContent = `${t(name)}: ${textOf(rate)} ${stretch.limits[name].download?.rule ?? ''}`;
        rect.append(title);
        svg.append(rect);
      });
    }
  }
  const [day, hour] = [Math.floor(nowHour / 24), nowHour % 24];
  const x = LEFT + (hour / 24) * PLOT;
  svg.append(
    shape('line', { x1: x, x2: x, y1: TOP + day * ROW - 3, y2: TOP + day * ROW + 3 * (STRIP + 1) + 2, class: 'now' }),
  );
  return svg;
}

function shape<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number>,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

function label(attributes: Record<string, string | number>, text: string): SVGTextElement {
  const element = shape('text', attributes);
  element.textContent = text;
  return element;
}
