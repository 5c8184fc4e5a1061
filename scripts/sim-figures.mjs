/*
 * The figures wanted of large fleets, each with the fleet it is measured on. A block is a whole piece unless said
 * otherwise: coarser than real ones, up to some per cent slower in virtual time, and four times as fast to compute.
 */
import { boundMs, percentile, simulate } from '@shoal/simulator';

/**
 * @typedef {import('@shoal/simulator').SimulationOptions} SimulationOptions
 * @typedef {import('@shoal/simulator').SimulationResult} SimulationResult
 * @typedef {{ what: string, measured: number, wanted: number }} Check
 * @typedef {object} Figure
 * @property {string} name
 * @property {string} text
 * @property {number} [hosts] where the line says how many
 * @property {(base: SimulationOptions) => Partial<SimulationOptions>} options
 * @property {(result: SimulationResult) => Check[]} checks
 * @typedef {{ name: string, text: string, hosts: number, seconds: number, rssMiB: number, checks: (Check & { met: boolean })[] }} Row
 */

const RATE = 25e6;
export const PIECE_BYTES = 4 * 1024 * 1024;
const OUTAGE_MS = 10_000;
const PROGRESS_MS = 5000;

/** @type {Figure[]} */
export const FIGURES = [
  {
    name: 'equal',
    text: 'equal caps',
    options: () => ({}),
    checks: ({ readyMs, boundMs, unfinished }) => [
      { what: 'p50 ÷ bound', measured: percentile(readyMs, 0.5) / boundMs, wanted: 1.03 },
      { what: 'p99 ÷ bound', measured: percentile(readyMs, 0.99) / boundMs, wanted: 1.08 },
      { what: 'max ÷ bound', measured: last(readyMs) / boundMs, wanted: 1.15 },
      all(unfinished),
    ],
  },
  {
    name: 'zones',
    text: '25 zones × 40, uplink twice a cap',
    hosts: 1000,
    options: () => ({ zones: 25, uplinkBytesPerSecond: 2 * RATE }),
    checks: ({ readyMs, boundMs, ingressCopies, unfinished }) => [
      { what: 'copies into a zone, max', measured: Math.max(...ingressCopies), wanted: 1.05 },
      { what: 'max ÷ bound', measured: last(readyMs) / boundMs, wanted: 1.12 },
      all(unfinished),
    ],
  },
  {
    name: 'slow',
    text: '5 % at a tenth of the rate',
    options: () => ({ slow: { share: 0.05, factor: 0.1 } }),
    checks: ({ fullRateReadyMs, boundMs, unfinished }) => [
      { what: "the others' max ÷ bound", measured: last(fullRateReadyMs) / boundMs, wanted: 1.2 },
      all(unfinished),
    ],
  },
  {
    name: 'killed',
    text: '20 % killed half way, tracker and seeder restarted',
    options: (base) => {
      const atMs = boundMs(base) / 2;
      return {
        faults: [
          { kind: 'kill', atMs, share: 0.2 },
          { kind: 'trackerRestart', atMs, forMs: OUTAGE_MS },
          { kind: 'seederRestart', atMs, forMs: OUTAGE_MS },
        ],
      };
    },
    checks: ({ readyMs, boundMs, unfinished }) => [
      { what: 'max ÷ bound', measured: last(readyMs) / boundMs, wanted: 1.25 },
      all(unfinished),
    ],
  },
  {
    name: 'poison',
    text: '30 % send garbage',
    options: () => ({ poisonShare: 0.3 }),
    checks: ({ readyMs, boundMs, unfinished, badPiecesKept }) => [
      { what: 'max ÷ bound', measured: last(readyMs) / boundMs, wanted: 1.3 },
      { what: 'bad pieces kept', measured: badPiecesKept, wanted: 0 },
      all(unfinished),
    ],
  },
];

/** @param {Figure} figure @param {{ hosts: number, blockBytes: number }} fleet @returns {Row} */
export function measure(figure, { hosts, blockBytes }) {
  const started = performance.now();
  const count = figure.hosts ?? hosts;
  const rates = { uploadBytesPerSecond: RATE, downloadBytesPerSecond: RATE };
  const base = { hosts: count, sizeBytes: 8e9, pieceLength: PIECE_BYTES, blockBytes, ...rates };
  let toldAt = started;
  const result = simulate({ ...base, ...figure.options(base) }, ({ nowMs, finished }) => {
    if (performance.now() < toldAt + PROGRESS_MS) return;
    toldAt = performance.now();
    process.stderr.write(
      `${figure.text}: ${Math.round(nowMs / 1000)} s of virtual time, ${finished} of ${count} hosts\n`,
    );
  });
  const checks = figure.checks(result).map((check) => ({ ...check, met: check.measured <= check.wanted }));
  const seconds = Math.round((performance.now() - started) / 1000);
  const rssMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
  return { name: figure.name, text: figure.text, hosts: count, seconds, rssMiB, checks };
}

/** @param {Row[]} rows */
export function tableOf(rows) {
  const lines = rows.flatMap(({ text, hosts, seconds, rssMiB, checks }) => [
    `${hosts} hosts × 8 GB, ${text} (${seconds} s, ${rssMiB} MiB)`,
    ...checks.map(({ what, measured, wanted, met }) => {
      const figures = `${measured.toFixed(3).padStart(8)}  wanted ≤ ${wanted}`;
      return `  ${what.padEnd(28)}${figures}${met ? '' : '  MISSED'}`;
    }),
  ]);
  return lines.join('\n');
}

/** @param {string[]} unfinished */
function all(unfinished) {
  return { what: 'hosts not finished', measured: unfinished.length, wanted: 0 };
}

/** @param {number[]} ascending */
function last(ascending) {
  return ascending.at(-1) ?? Number.NaN;
}
