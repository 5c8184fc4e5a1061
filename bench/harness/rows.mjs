/* The rows of a bench that measures each in some rounds: medians as figures, one row's failure is not the others'. */
import { refuseWhenEnding } from './cleanup.mjs';
import { judge } from './goals.mjs';
import { medians, roundedAll } from './median.mjs';
import { cell, formatTable } from './table.mjs';

/**
 * @typedef {() => Promise<Record<string, number>[]>} Measure the figures of each round
 * @param {object} bench
 * @param {readonly string[]} bench.rows names
 * @param {Record<string, Measure>} bench.measures by row
 * @param {import('./goals.mjs').Goal[]} bench.goals
 * @param {Record<string, number>} [bench.facts] of the ground, figures too
 * @param {(line: string) => void} bench.say
 * @returns {Promise<import('../run.mjs').BenchResult>}
 */
export async function measureRows({ rows, measures, goals, facts = {}, say }) {
  /** @type {{ row: string, failed?: string, rounds: Record<string, number>[], median?: Record<string, number> }[]} */
  const results = [];
  for (const row of rows) {
    try {
      const found = (await measures[row]?.()) ?? [];
      results.push({ row, rounds: found.map(roundedAll), median: roundedAll(medians(found)) });
      say(`${row}: ${JSON.stringify(results.at(-1)?.median)}`);
    } catch (error) {
      refuseWhenEnding();
      results.push({ row, rounds: [], failed: error instanceof Error ? error.message : String(error) });
    }
  }
  const figures = roundedAll(Object.assign({ ...facts }, ...results.map(({ median }) => median)));
  const lines = results.flatMap(({ row, median = {} }) =>
    Object.entries(median).map(([name, value]) => [row, name, cell(value, 2)]),
  );
  const text = [formatTable(['row', 'figure', 'median'], lines), '', judge(figures, goals)].join('\n');
  return { figures, rows: results, text };
}
