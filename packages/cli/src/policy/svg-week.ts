/**
 * A week of a host's limits as an SVG file that needs nothing else: a row a day, in it a strip a class, darker where
 * more is allowed; the rates and the rules that set them stand in each strip's title. Pure.
 */
import {
  CLASSES,
  formatWallTime,
  momentOf,
  type TrafficClass,
  type Week,
  type WeekStretch,
  wallTimeAt,
} from '@shoal/policy';
import { rateText } from './describe-limits.ts';
import { dayNameOf } from './week.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const PLOT = { left: 130, top: 60, width: 720, rowHeight: 54 };
const STRIP = { height: 14, gap: 1 };
const SIZE = { width: PLOT.left + PLOT.width + 30, height: PLOT.top + 7 * PLOT.rowHeight + 50 };
const COLOURS = { text: '#24292f', grid: '#d8dee4', frozen: '#d1242f', rate: '#1f6feb', free: '#1a7f37' };

export function svgWeek(week: Week): string {
  const { width, height } = SIZE;
  const rates = week.stretches.flatMap(({ limits }) =>
    CLASSES.flatMap((name) => [limits[name].download, limits[name].upload].map((rate) => rate?.bytesPerSecond ?? 0)),
  );
  const most = Math.max(1, ...rates);
  const title = escaped(`${week.host}: download / upload through the week, ${week.timezone}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="12" fill="${COLOURS.text}">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="10" y="24" font-size="14">${title}</text>`,
    ...hourLines(),
    ...daysOf(week).flatMap((wallMs, row) => dayRow(week, { wallMs, row, most })),
    `<text x="${PLOT.left}" y="${height - 14}">blue: limited, darker is more; green: no limit; red: frozen (download of the two)</text>`,
    '</svg>',
    '',
  ].join('\n');
}

/** The wall times of the seven midnights. */
function daysOf({ stretches, timezone }: Week): number[] {
  const first = Math.floor(wallTimeAt(timezone, stretches[0]?.fromMs ?? 0) / DAY_MS) * DAY_MS;
  return Array.from({ length: 7 }, (_, day) => first + day * DAY_MS);
}

function hourLines(): string[] {
  const bottom = PLOT.top + 7 * PLOT.rowHeight;
  return [0, 4, 8, 12, 16, 20, 24].flatMap((hour) => {
    const x = PLOT.left + (hour / 24) * PLOT.width;
    const label = `${String(hour).padStart(2, '0')}:00`;
    return [
      `<line x1="${x}" y1="${PLOT.top - 6}" x2="${x}" y2="${bottom}" stroke="${COLOURS.grid}"/>`,
      `<text x="${x}" y="${PLOT.top - 10}" text-anchor="middle">${label}</text>`,
    ];
  });
}

interface Row {
  wallMs: number;
  row: number;
  most: number;
}

function dayRow(week: Week, { wallMs, row, most }: Row): string[] {
  const y = PLOT.top + row * PLOT.rowHeight;
  const [start, end] = [wallMs, wallMs + DAY_MS].map((wall) => momentOf(week.timezone, wall));
  const strips = week.stretches
    .map((stretch) => ({
      ...stretch,
      fromMs: Math.max(stretch.fromMs, start ?? 0),
      toMs: Math.min(stretch.toMs, end ?? 0),
    }))
    .filter(({ fromMs, toMs }) => fromMs < toMs)
    .flatMap((stretch) =>
      CLASSES.map((name, index) => strip(week.timezone, { stretch, name, index, y, wallMs, most })),
    );
  const labels = CLASSES.map(
    (name, index) =>
      `<text x="${PLOT.left - 6}" y="${y + index * (STRIP.height + STRIP.gap) + 11}" text-anchor="end" font-size="10">${name}</text>`,
  );
  const day = `<text x="10" y="${y + 26}">${dayNameOf(wallMs)} ${formatWallTime(wallMs).slice(5, 10)}</text>`;
  return [day, ...labels, ...strips];
}

interface Strip {
  stretch: WeekStretch;
  name: TrafficClass;
  index: number;
  y: number;
  wallMs: number;
  most: number;
}

/** By the clock on the wall: where it repeats an hour, the later one lies over the earlier. */
function strip(timezone: string, { stretch, name, index, y, wallMs, most }: Strip): string {
  const hours = (ms: number): number => (wallTimeAt(timezone, ms) - wallMs) / HOUR_MS;
  const from = hours(stretch.fromMs);
  const width = Math.max(0, hours(stretch.toMs - 1) + 1 / HOUR_MS - from);
  const { download, upload } = stretch.limits[name];
  const rate = download?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
  const [fill, opacity] =
    rate === 0 ? [COLOURS.frozen, 1] : rate > most ? [COLOURS.free, 0.6] : [COLOURS.rate, 0.25 + 0.75 * (rate / most)];
  const rules = [download?.rule, upload?.rule].map((rule) => rule ?? '–').join(' / ');
  const title = escaped(`${name}: ${rateText(download)} / ${rateText(upload)} (${rules})`);
  const place = `x="${tenth(PLOT.left + (from / 24) * PLOT.width)}" y="${y + index * (STRIP.height + STRIP.gap)}"`;
  const size = `width="${tenth((width / 24) * PLOT.width)}" height="${STRIP.height}"`;
  return `<rect ${place} ${size} fill="${fill}" fill-opacity="${tenth(opacity)}"><title>${title}</title></rect>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
