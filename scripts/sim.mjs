/*
 * `npm run sim`: the production swarm code in virtual time.
 *   --seeds N [--from N]          random small fleets with faults; prints the line that repeats each one that fails
 *   --seed N                      one of them, with its options and its result
 *   --figures [--hosts N] [--only row,row] [--block-kib N]   large fleets, measured against what is wanted of them
 * Progress goes to stderr; with --json the last line of stdout is one object. Exit 0 all held, 1 something did not, 2 wrong usage.
 */
import { parseArgs } from 'node:util';
import { faultsOf, scenarioFor, simulate } from '@shoal/simulator';
import { FIGURES, measure, PIECE_BYTES, tableOf } from './sim-figures.mjs';

const USAGE = `npm run sim -- --seeds 1000 [--from 1] | --seed N | --figures [--hosts 1000] [--only ${FIGURES.map(({ name }) => name).join(',')}] [--block-kib 4096]   [--json]`;
const PROGRESS_MS = 2000;

class UsageError extends Error {}

function main() {
  const values = parse();
  const modes = [values.seeds, values.seed, values.figures].filter((value) => value !== undefined);
  if (modes.length !== 1) throw new UsageError('one of --seeds, --seed and --figures is needed.');
  if (values.seed !== undefined) return runOne(wholeNumber(values.seed, '--seed'), values.json);
  if (values.figures) return runFigures(values);
  const count = wholeNumber(values.seeds ?? '', '--seeds');
  return runMany(wholeNumber(values.from, '--from'), count, values.json);
}

function parse() {
  const text = { type: /** @type {const} */ ('string') };
  const flag = { type: /** @type {const} */ ('boolean') };
  const options = {
    ...{ seeds: text, seed: text, figures: flag, hosts: text, only: text, 'block-kib': text },
    from: { ...text, default: '1' },
    json: { ...flag, default: false },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/** @param {string} text @param {string} flag */
function wholeNumber(text, flag) {
  const number = Number(text);
  if (text.trim() !== '' && Number.isInteger(number) && number >= 0 && number < 2 ** 32) return number;
  throw new UsageError(`${flag} takes a whole number, not "${text}".`);
}

/**
 * A crash of the core is a finding like any other.
 * @param {number} seed
 */
function run(seed) {
  const options = scenarioFor(seed);
  try {
    const result = simulate(options);
    return { options, result, faults: faultsOf(result, options) };
  } catch (error) {
    return { options, result: undefined, faults: [`crashed: ${/** @type {Error} */ (error).stack ?? error}`] };
  }
}

/** @param {number} seed @param {boolean} json */
function runOne(seed, json) {
  const { options, result, faults } = run(seed);
  const { limits: _, ...told } = result ?? { limits: [] };
  if (json) say({ seed, options, result: told, faults });
  else {
    console.log('options', options);
    console.log('result', told);
    console.log(faults.length === 0 ? 'all checks hold' : faults.map((fault) => `fault: ${fault}`).join('\n'));
  }
  return faults.length === 0;
}

/** @param {number} from @param {number} count @param {boolean} json */
function runMany(from, count, json) {
  const started = performance.now();
  const failed = [];
  let toldAt = started;
  for (let seed = from; seed < from + count; seed++) {
    const { faults } = run(seed);
    if (faults.length > 0) {
      failed.push({ seed, faults });
      if (!json) console.log(`${faults.join('; ')}\n  npm run sim -- --seed ${seed}`);
    }
    if (performance.now() < toldAt + PROGRESS_MS) continue;
    toldAt = performance.now();
    process.stderr.write(`${seed - from + 1} of ${count} seeds, ${failed.length} failed\n`);
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  if (json) say({ from, seeds: count, failed, seconds });
  else console.log(`${count} seeds in ${seconds} s, ${failed.length} failed`);
  return failed.length === 0;
}

/** @param {{ hosts?: string, only?: string, 'block-kib'?: string, json: boolean }} values */
function runFigures({ hosts = '1000', only, 'block-kib': blockKib = '4096', json }) {
  const names = only?.split(',');
  const unknown = names?.find((name) => FIGURES.every((figure) => figure.name !== name));
  if (unknown !== undefined) throw new UsageError(`there is no figure "${unknown}".`);
  const count = wholeNumber(hosts, '--hosts');
  if (count < 2) throw new UsageError('--hosts takes two at least.');
  const blockBytes = 1024 * wholeNumber(blockKib, '--block-kib');
  if (blockBytes < 16 * 1024 || PIECE_BYTES % blockBytes !== 0)
    throw new UsageError('--block-kib takes a power of two from 16 to 4096.');
  const fleet = { hosts: count, blockBytes };
  const rows = FIGURES.filter(({ name }) => names?.includes(name) ?? true).map((figure) => measure(figure, fleet));
  console.log(tableOf(rows));
  if (json) say({ rows });
  return rows.every(({ checks }) => checks.every(({ met }) => met));
}

/** @param {unknown} value */
function say(value) {
  console.log(JSON.stringify(value));
}

try {
  process.exitCode = main() ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}
