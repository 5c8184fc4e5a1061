/**
 * What the demo shows while bytes move: on a terminal a bar a host with rate, pieces and who feeds
 * it; elsewhere one line every two seconds. Draws on stderr; stdout is for the result.
 */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Io } from '../output/io.ts';
import type { FleetMember } from './demo-fleet.ts';

export interface HostFigures {
  name: string;
  haveBytes: number;
  wantedBytes: number;
  bytesPerSecond: number;
  heldPieces: number;
  pieces: number;
  /** `← seeder 40%, agent-2 35%`, or what it does besides receiving. */
  feeders: string;
  /** Once it has everything: `handing over`, `ready`. */
  doing: string | undefined;
}

export interface DemoView {
  draw(figures: readonly HostFigures[]): void;
  end(): void;
}

const FORMAT = '{host} {bar} {percent} {rate} {held} {feeders}';
const PLAIN_LINE_MS = 2000;

export function createDemoView({ terminal, stderr }: Pick<Io, 'terminal' | 'stderr'>): DemoView {
  return terminal === undefined ? createLines(stderr) : createBars(terminal);
}

function createBars(stream: NodeJS.WriteStream): DemoView {
  const bars = new MultiBar(
    { stream, format: FORMAT, barsize: 24, hideCursor: true, linewrap: false, fps: 8, gracefulExit: false },
    Presets.shades_classic,
  );
  const rows = new Map<string, SingleBar>();
  return {
    draw(figures) {
      for (const host of figures) {
        const row = rows.get(host.name) ?? bars.create(1, 0, payload(host));
        rows.set(host.name, row);
        row.setTotal(Math.max(1, host.wantedBytes));
        row.update(host.haveBytes, payload(host));
      }
    },
    end: () => bars.stop(),
  };
}

function createLines(stderr: Io['stderr']): DemoView {
  let lastAt = 0;
  return {
    draw(figures) {
      if (performance.now() - lastAt < PLAIN_LINE_MS) return;
      lastAt = performance.now();
      const text = figures.map((host) => `${host.name} ${percent(host)} ${host.doing ?? rate(host)}`);
      stderr(`${text.join(' · ')}\n`);
    },
    end: () => {},
  };
}

function payload(host: HostFigures): Record<string, string> {
  return {
    host: host.name.padEnd(9),
    percent: percent(host).padStart(4),
    rate: rate(host).padStart(11),
    held: `${host.heldPieces}/${host.pieces} pieces`.padStart(17),
    feeders: host.feeders,
  };
}

function percent({ haveBytes, wantedBytes }: HostFigures): string {
  return `${wantedBytes === 0 ? 0 : Math.floor((haveBytes * 100) / wantedBytes)}%`;
}

function rate({ bytesPerSecond }: HostFigures): string {
  return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
}

/** Measures hosts between two looks. */
export function createMeter(): (member: FleetMember) => HostFigures {
  const before = new Map<string, { bytes: number; at: number; rate: number }>();
  return ({ name, agent }) => {
    const { traffic, blobs, jobs } = agent.status();
    const at = performance.now();
    const bytes = traffic.receivedBytes + traffic.originBytes;
    const last = before.get(name) ?? { bytes: 0, at: at - 1000, rate: 0 };
    // Smoothed, so that the figure can be read.
    const bytesPerSecond = 0.7 * last.rate + (0.3 * (bytes - last.bytes) * 1000) / Math.max(1, at - last.at);
    before.set(name, { bytes, at, rate: bytesPerSecond });
    const image = jobs[0]?.images[0];
    const held = blobs.reduce((sum, blob) => sum + blob.heldPieces, 0);
    const pieces = blobs.reduce((sum, blob) => sum + blob.pieces, 0);
    const haveBytes = blobs.reduce(
      (sum, blob) => sum + (blob.pieces === 0 ? 0 : (blob.size * blob.heldPieces) / blob.pieces),
      0,
    );
    const wantedBytes = blobs.reduce((sum, blob) => sum + blob.size, 0);
    // The tracker closes a job that is done, and the agent forgets it.
    const state = image?.state ?? (pieces > 0 && held === pieces && traffic.originBytes === 0 ? 'ready' : 'fetching');
    const doing = DOING[state];
    const feeders = doing ?? describeFeeders(image?.feeders ?? [], traffic.originBytes);
    return { name, haveBytes, wantedBytes, bytesPerSecond, heldPieces: held, pieces, feeders, doing };
  };
}

const DOING: Partial<Record<string, string>> = { loading: 'handing over', ready: 'ready', failed: 'failed' };

function describeFeeders(feeders: readonly { name: string; bytes: number }[], originBytes: number): string {
  if (originBytes > 0) return 'reads the origin, feeds the swarm';
  const total = feeders.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = feeders.slice(0, 4).map(({ name, bytes }) => `${name} ${Math.round((bytes * 100) / total)}%`);
  return parts.length === 0 ? 'waiting' : `← ${parts.join(', ')}`;
}
