/**
 * Progress on stderr: bars on a terminal, elsewhere a plain line when something changed, at most one every two
 * seconds. Decides how often something is drawn, not what it says.
 */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { printable } from './format.ts';
import type { Io } from './io.ts';

export interface ProgressRow {
  name: string;
  done: number;
  total: number;
  /** Behind the bar: rate, pieces, who feeds whom. */
  detail: string;
}

export interface Progress {
  /** `summary` is the plain line for where there is no terminal. */
  show(rows: readonly ProgressRow[], summary: string): void;
  /** A line that is not progress, above the bars. */
  note(line: string): void;
  stop(): void;
}

const PLAIN_LINE_MS = 2000;
const MAX_BARS = 40;
const FORMAT = '{name} {bar} {percentage}% {detail}';

export function createProgress(io: Pick<Io, 'stderr' | 'terminal' | 'now'>): Progress {
  return io.terminal === undefined ? createLines(io) : createBars(io.terminal);
}

function createBars(stream: NodeJS.WriteStream): Progress {
  const bars = new MultiBar(
    { stream, format: FORMAT, barsize: 24, fps: 8, hideCursor: true, linewrap: false, gracefulExit: false },
    Presets.shades_classic,
  );
  const drawn = new Map<string, SingleBar>();
  return {
    show(rows) {
      const width = Math.max(...rows.map(({ name }) => name.length));
      for (const { name, done, total, detail } of rows.slice(0, MAX_BARS)) {
        const payload = { name: printable(name).padEnd(width), detail: printable(detail) };
        const full = Math.max(total, 1);
        const bar = drawn.get(name) ?? bars.create(full, 0, payload);
        drawn.set(name, bar);
        bar.setTotal(full);
        bar.update(total <= 0 ? full * Number(done > 0) : Math.min(done, full), payload);
      }
    },
    note: (line) => bars.log(`${printable(line)}\n`),
    stop: () => {
      bars.update();
      bars.stop();
    },
  };
}

function createLines({ stderr, now }: Pick<Io, 'stderr' | 'now'>): Progress {
  let shownAt = Number.NEGATIVE_INFINITY;
  let shown = '';
  let latest = '';
  const print = () => {
    if (latest === shown) return;
    shown = latest;
    shownAt = now();
    stderr(`${printable(latest)}\n`);
  };
  return {
    show(_rows, summary) {
      latest = summary;
      if (now() - shownAt >= PLAIN_LINE_MS) print();
    },
    note: (line) => stderr(`${printable(line)}\n`),
    stop: print,
  };
}
