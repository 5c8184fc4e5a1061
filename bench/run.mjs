/*
 * `npm run bench -- NAME`: parses the command line, runs one bench, prints its table, and with --json as the last line of
 * stdout one object. Progress goes to stderr. Exit 0 measured, 1 something failed, 2 wrong usage.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { parseRate } from '@shoal/policy';
import { formatBytes, parseBytes } from './harness/bytes.mjs';
import { cleanUpAll, cleanUpOnSignals } from './harness/cleanup.mjs';
import { BenchError, UsageError } from './harness/errors.mjs';

/**
 * @typedef {object} BenchOptions
 * @property {readonly number[]} sizesBytes one, or several where the bench can; none when every row has its own
 * @property {number} rounds
 * @property {readonly string[]} rows
 * @property {string | undefined} dir
 * @property {number | undefined} hosts
 * @property {number | undefined} bytesPerSecond cap of every host
 * @property {(line: string) => void} say progress
 * @typedef {{ row: string, failed?: string, missing?: string }} BenchRow
 * @typedef {{ figures: Record<string, number>, rows: readonly BenchRow[], text: string }} BenchResult
 * @typedef {object} Bench
 * @property {readonly string[]} ROWS what --only chooses from; none when its rows build on each other
 * @property {string | undefined} DEFAULT_SIZE
 * @property {number} DEFAULT_ROUNDS
 * @property {boolean} [TAKES_HOSTS] knows --hosts and --cap
 * @property {number} [MAX_HOSTS]
 * @property {(options: BenchOptions) => Promise<BenchResult>} runBench
 */

/** @type {Record<string, () => Promise<Bench>>} */
const BENCHES = {
  dataplane: () => import('./dataplane.mjs'),
  huge: () => import('./huge.mjs'),
  idle: () => import('./idle.mjs'),
  limits: () => import('./limits.mjs'),
  memory: () => import('./memory.mjs'),
  proxy: () => import('./proxy.mjs'),
  ready: () => import('./ready.mjs'),
  sessions: () => import('./sessions.mjs'),
  dashboard: () => import('./dashboard.mjs'),
  swarm: () => import('./swarm.mjs'),
  yield: () => import('./yield.mjs'),
};

/** Each is a process and a network namespace. */
const MAX_HOSTS = 200;

const USAGE = `npm run bench -- ${Object.keys(BENCHES).join('|')} [--json] [--rounds N] [--size 2GiB] [--only row,row] [--dir FOLDER] [--hosts N] [--cap '5 MiB/s']`;

async function main() {
  if (process.platform !== 'linux') throw new UsageError('the benches read /proc: they run on Linux only.');
  const { values, positionals } = parse();
  const [name = ''] = positionals;
  const load = BENCHES[name];
  if (load === undefined || positionals.length > 1)
    throw new UsageError(`${name ? `no bench '${positionals.join(' ')}'` : 'which bench?'}\n${USAGE}`);
  const bench = await load();
  const options = optionsFor(bench, values);
  const { figures, rows, text } = await bench.runBench(options);
  process.stdout.write(`${text}\n`);
  const run = {
    sizes: options.sizesBytes.map(formatBytes),
    rounds: options.rounds,
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
  };
  if (values.json) process.stdout.write(`${JSON.stringify({ bench: name, figures, rows, run })}\n`);
  const broken = rows.filter(({ failed }) => failed !== undefined);
  for (const { row, failed } of broken) process.stderr.write(`bench: ${row} failed: ${failed}\n`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}

function parse() {
  const text = /** @type {const} */ ({ type: 'string' });
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean' }, rounds: text, size: text, only: text, dir: text, hosts: text, cap: text },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

/**
 * @param {Bench} bench
 * @param {{ rounds?: string, size?: string, only?: string, dir?: string, hosts?: string, cap?: string }} values
 * @returns {BenchOptions}
 */
function optionsFor(bench, values) {
  const { ROWS, DEFAULT_SIZE, DEFAULT_ROUNDS, TAKES_HOSTS = false } = bench;
  const rounds = Number(values.rounds ?? DEFAULT_ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`--rounds ${values.rounds}: a whole number from 1 up`);
  const sizesBytes = ((values.size ?? DEFAULT_SIZE)?.split(',') ?? []).map((text) => {
    const bytes = parseBytes(text);
    if (bytes === undefined) throw new UsageError(`--size ${text}: an amount such as 512MiB or 2GiB`);
    return bytes;
  });
  const rows = values.only?.split(',') ?? [...ROWS];
  const unknown = rows.filter((row) => !ROWS.includes(row));
  if (unknown.length > 0)
    throw new UsageError(
      `--only ${unknown.join(',')}: ${ROWS.length > 0 ? `the rows are ${ROWS.join(', ')}` : 'this bench runs as a whole'}`,
    );
  if (!TAKES_HOSTS && (values.hosts ?? values.cap) !== undefined)
    throw new UsageError('this bench has no hosts: --hosts and --cap are for dashboard, sessions and swarm');
  const say = (/** @type {string} */ line) => void process.stderr.write(`bench: ${line}\n`);
  return {
    ...{ sizesBytes, rounds, rows: ROWS.filter((row) => rows.includes(row)), dir: values.dir, say },
    ...{ hosts: hostsIn(values.hosts, bench.MAX_HOSTS ?? MAX_HOSTS), bytesPerSecond: rateIn(values.cap) },
  };
}

/** @param {string | undefined} text @param {number} most */
function hostsIn(text, most) {
  const hosts = text === undefined ? undefined : Number(text);
  if (hosts === undefined || (Number.isInteger(hosts) && hosts >= 1 && hosts <= most)) return hosts;
  throw new UsageError(`--hosts ${text}: a whole number from 1 to ${most}`);
}

/** @param {string | undefined} text */
function rateIn(text) {
  try {
    const rate = text === undefined ? undefined : parseRate(text);
    if (rate === undefined || (rate > 0 && Number.isFinite(rate))) return rate;
  } catch {
    // said below
  }
  throw new UsageError(`--cap ${text}: a rate such as '5 MiB/s' or '3 Mbit/s'`);
}

/** @param {unknown} error */
function report(error) {
  const isKnown = error instanceof UsageError || error instanceof BenchError;
  const text = error instanceof Error ? (isKnown ? error.message : error.stack) : String(error);
  process.stderr.write(`bench: ${text}\n`);
  process.exitCode ??= error instanceof UsageError ? 2 : 1;
}

// A reader that went away (`| head`) must not end us before what we started has ended.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
cleanUpOnSignals();
await main().catch(report).finally(cleanUpAll);
process.exit();
