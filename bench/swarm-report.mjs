/* The figures and tables of the swarm bench. Says what was found; measures nothing. */
import { formatBytes } from './harness/bytes.mjs';
import { judge } from './harness/goals.mjs';
import { roundedAll } from './harness/median.mjs';
import { cell, formatTable } from './harness/table.mjs';

/** @typedef {import('./swarm.mjs').Result} Result */

/** Of issue "the swarm", real hosts. @type {import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['eightSlowestToBound', '≤', 1.1],
  ['sixteenSlowestToBound', '≤', 1.12],
  ['narrowSlowestToTransferTime', '≤', 1.3],
  ['originCopies', '≤', 1.05],
  ['seederCopies', '≤', 1.1],
  ['narrowSeederCopies', '≤', 1.5],
  ['zonesIngressCopies', '≤', 1.1],
  ['zonesSlowestToBound', '≤', 1.25],
  ['coldToWarm', '≤', 1.15],
];

const OF_EVERY_ROW = /** @type {const} */ ([
  ...['p50ToBound', 'p95ToBound', 'slowestToBound', 'shareOfCap'],
  ...['seederCopies', 'duplicates', 'agentCpuPerGB', 'agentPeakRssMB'],
]);

/** A blob so small that an even spread has no time; it has a figure of its own. */
const SMALL_ROW = 'narrow';
const NAMES = { shoal: 'Shoal', cold: 'Shoal, cold', aria2: 'aria2' };

/** @param {readonly Result[]} results @param {number} rounds @returns {import('./run.mjs').BenchResult} */
export function describeSwarm(results, rounds) {
  const figures = figuresOf(results);
  const measured = new Set(results.map(({ row }) => row));
  const goals = GOALS.filter(([figure]) => figure in figures || [...measured].some((row) => figure.startsWith(row)));
  const head =
    `one seeder, one simultaneous start, ${rounds} ${rounds === 1 ? 'round' : 'rounds, medians'}; ` +
    'hosts beside the seeder; × is of the bound';
  return { figures, rows: results, text: [head, tableOf(results), '', judge(figures, goals)].join('\n') };
}

/** @param {readonly Result[]} results */
function figuresOf(results) {
  const shoal = results.filter(({ racer, median }) => racer !== 'aria2' && median !== undefined);
  const most = (/** @type {string} */ figure, /** @type {readonly Result[]} */ of) =>
    of.length === 0 ? undefined : Math.max(...of.map(({ median }) => median?.[figure] ?? Number.NaN));
  const median = (/** @type {string} */ row, /** @type {string} */ racer) =>
    results.find((result) => result.row === row && result.racer === racer)?.median ?? {};
  /** @type {Record<string, number | undefined>} */
  const figures = {
    originCopies: most('originCopies', shoal),
    seederCopies: most(
      'seederCopies',
      shoal.filter(({ row, racer }) => row !== SMALL_ROW && racer === 'shoal'),
    ),
    narrowSlowestToTransferTime: median(SMALL_ROW, 'shoal').slowestToTransferTime,
    zonesIngressCopies: median('zones', 'shoal').ingressCopies,
    coldToWarm: ratio(median('cold', 'cold').slowestSeconds, median('cold', 'shoal').slowestSeconds),
  };
  for (const { row, racer, median: found } of results) {
    const prefix = racer === 'shoal' ? row : `${row}${racer === 'aria2' ? 'Aria2' : 'Origin'}`;
    for (const name of OF_EVERY_ROW) figures[prefix + name[0]?.toUpperCase() + name.slice(1)] = found?.[name];
  }
  return roundedAll(figures);
}

/** @param {number | undefined} a @param {number | undefined} b */
function ratio(a, b) {
  return a === undefined || b === undefined ? undefined : a / b;
}

/** @param {readonly Result[]} results */
function tableOf(results) {
  /** @type {readonly [title: string, name: string, digits: number][]} */
  const columns = [
    ['slowest s', 'slowestSeconds', 1],
    ['p50 ×', 'p50ToBound', 3],
    ['p95 ×', 'p95ToBound', 3],
    ['max ×', 'slowestToBound', 3],
    ['of cap', 'shareOfCap', 2],
    ['origin', 'originCopies', 2],
    ['seeder', 'seederCopies', 2],
    ['uplink', 'ingressCopies', 2],
    ['dup', 'duplicates', 3],
    ['CPU s/GB', 'agentCpuPerGB', 2],
    ['seeder', 'seederCpuPerGB', 2],
    ['RSS MB', 'agentPeakRssMB', 0],
    ['seeder', 'seederPeakRssMB', 0],
    ['link', 'linkShare', 2],
    ['busy', 'busy', 2],
    ['others', 'othersBusy', 2],
  ];
  const rows = results.map(({ row, racer, scenario, boundSeconds, missing, failed, median }) => [
    `${row}: ${NAMES[racer]}`,
    `${scenario.hosts}`,
    formatBytes(scenario.sizeBytes),
    cell((scenario.bytesPerSecond * 8) / 1e6, 0),
    cell(boundSeconds, 1),
    ...columns.map(([, name, digits]) => cell(median?.[name], digits)),
    missing === undefined ? (failed?.split('\n')[0] ?? '') : `missing: ${missing}`,
  ]);
  return formatTable(['', 'hosts', 'blob', 'Mbit/s', 'bound s', ...columns.map(([title]) => title), 'note'], rows);
}
