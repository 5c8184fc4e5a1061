/** Hosts ready over time as an SVG file that needs nothing else: axes, labels, the bound, the curve. Pure. */
import { formatBytes, formatDuration } from '../output/format.ts';
import type { Forecast } from './forecast.ts';

const SIZE = { width: 800, height: 440 };
const PLOT = { left: 70, top: 50, right: 770, bottom: 380 };
const TICKS = 4;
const COLOURS = { curve: '#1f6feb', bound: '#d1242f', axis: '#57606a', grid: '#d8dee4', text: '#24292f' };

export function svgCurve(forecast: Forecast): string {
  const endMs = Math.max(forecast.boundMs, forecast.curve.at(-1)?.ms ?? 0);
  const x = (ms: number): number => tenth(PLOT.left + (ms / endMs) * (PLOT.right - PLOT.left));
  const y = (hosts: number): number => tenth(PLOT.bottom - (hosts / forecast.hosts) * (PLOT.bottom - PLOT.top));
  const { width, height } = SIZE;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="13" fill="${COLOURS.text}">`,
    `<title>${titleOf(forecast)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    textAt({ x: PLOT.left, y: 28, anchor: 'start' }, titleOf(forecast)),
    ...ticksOf((part) => hostTick(y(part * forecast.hosts), Math.round(part * forecast.hosts))),
    ...ticksOf((part) => timeTick(x(part * endMs), part * endMs)),
    line({ x1: PLOT.left, y1: PLOT.top, x2: PLOT.left, y2: PLOT.bottom }, COLOURS.axis),
    line({ x1: PLOT.left, y1: PLOT.bottom, x2: PLOT.right, y2: PLOT.bottom }, COLOURS.axis),
    textAt({ x: (PLOT.left + PLOT.right) / 2, y: SIZE.height - 12, anchor: 'middle' }, 'time from the start'),
    `<text transform="translate(18 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">hosts ready</text>`,
    ...boundMark(x(forecast.boundMs), forecast.boundMs),
    `<polyline fill="none" stroke="${COLOURS.curve}" stroke-width="2.5" points="${forecast.curve.map(({ ms, hosts }) => `${x(ms)},${y(hosts)}`).join(' ')}"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function titleOf({ hosts, imageBytes, capBytesPerSecond }: Forecast): string {
  return `${hosts} hosts, ${formatBytes(imageBytes)} at ${formatBytes(capBytesPerSecond)}/s each`;
}

function ticksOf(tick: (part: number) => string[]): string[] {
  return Array.from({ length: TICKS + 1 }, (_, index) => tick(index / TICKS)).flat();
}

function hostTick(y: number, hosts: number): string[] {
  return [
    line({ x1: PLOT.left, y1: y, x2: PLOT.right, y2: y }, COLOURS.grid),
    textAt({ x: PLOT.left - 8, y: y + 4, anchor: 'end' }, String(hosts)),
  ];
}

function timeTick(x: number, ms: number): string[] {
  return [
    line({ x1: x, y1: PLOT.bottom, x2: x, y2: PLOT.bottom + 5 }, COLOURS.axis),
    textAt({ x, y: PLOT.bottom + 20, anchor: 'middle' }, formatDuration(ms)),
  ];
}

function boundMark(x: number, ms: number): string[] {
  const text = `no swarm is faster: ${formatDuration(ms)}`;
  return [
    `<line x1="${x}" y1="${PLOT.top}" x2="${x}" y2="${PLOT.bottom}" stroke="${COLOURS.bound}" stroke-dasharray="6 4"/>`,
    x > (PLOT.left + PLOT.right) / 2
      ? textAt({ x: x - 6, y: PLOT.top + 14, anchor: 'end' }, text)
      : textAt({ x: x + 6, y: PLOT.top + 14, anchor: 'start' }, text),
  ];
}

function line({ x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number }, stroke: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}"/>`;
}

/** Only texts made of numbers and words of ours come here: nothing to escape. */
function textAt({ x, y, anchor }: { x: number; y: number; anchor: 'start' | 'middle' | 'end' }, text: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
