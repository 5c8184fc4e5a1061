/** Hosts ready over time as a chart of block characters. Pure. Decides its look only. */
import { formatDuration } from '../output/format.ts';
import type { Forecast } from './forecast.ts';

const ROWS = 8;
const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const NARROWEST = 20;

export function textCurve({ curve, hosts }: Pick<Forecast, 'curve' | 'hosts'>, width: number): string {
  const end = curve.at(-1);
  if (end === undefined) return '';
  const labels = { top: String(hosts), bottom: '0' };
  const margin = labels.top.length + 2;
  const columns = Math.max(NARROWEST, width - margin);
  const levels = Array.from({ length: columns }, (_, column) => {
    const point = curve[Math.round(((column + 1) / columns) * (curve.length - 1))];
    return ((point?.hosts ?? 0) / hosts) * ROWS * (BLOCKS.length - 1);
  });
  const lines = Array.from({ length: ROWS }, (_, index) => {
    const row = ROWS - 1 - index;
    const label = index === 0 ? labels.top : row === 0 ? labels.bottom : '';
    const cells = levels.map((level) => BLOCKS[cellOf(level, row)]).join('');
    return `${label.padStart(margin - 2)} │${cells}`.trimEnd();
  });
  return [...lines, ...timeAxis(end.ms, columns, margin)].map((line) => `${line}\n`).join('');
}

/** Eighths of this row that are filled. */
function cellOf(level: number, row: number): number {
  const eighths = Math.floor(level + 1e-9) - row * (BLOCKS.length - 1);
  return Math.min(BLOCKS.length - 1, Math.max(0, eighths));
}

function timeAxis(endMs: number, columns: number, margin: number): string[] {
  const [start, middle, end] = [formatDuration(0), formatDuration(endMs / 2), formatDuration(endMs)];
  const half = Math.floor(columns / 2) - Math.floor(middle.length / 2);
  const left = start.padEnd(half) + middle;
  const space = ' '.repeat(margin - 1);
  return [`${space}└${'─'.repeat(columns)}`, `${space} ${left}${end.padStart(columns - left.length)}`];
}
