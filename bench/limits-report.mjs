/* The table and the figures of the bench `limits`. */
import { judge } from './harness/goals.mjs';
import { medians, roundedAll } from './harness/median.mjs';
import { cell, formatTable } from './harness/table.mjs';

const LEAST_MBITS_FOR_SHORT = 8;

/** Of several rounds the worst counts. @param {readonly import('./limits.mjs').Result[]} results */
export function describeLimits(results) {
  const all = results.flatMap(({ row, mbits, rounds }) => rounds.map((round) => ({ row, mbits, ...round })));
  const of = (/** @type {string} */ name, least = 0) =>
    all.filter(({ mbits }) => mbits >= least).flatMap((round) => /** @type {any} */ (round)[name] ?? []);
  const figures = roundedAll({
    leastMeanToCap: Math.min(...of('meanToCap')),
    mostMeanToCap: Math.max(...of('meanToCap')),
    secondsAboveCap: of('windowsAbove').reduce((sum, count) => sum + count, 0),
    worst100msToCap: Math.max(...of('worst100msToCap', LEAST_MBITS_FOR_SHORT)),
    policyChangeSeconds: Math.max(...of('changeSeconds')),
  });
  const head = [
    '',
    'mean / cap',
    '1 s windows above',
    'worst 1 s',
    'worst 100 ms',
    'policy change s',
    'worst 500 ms after',
    'note',
  ];
  const table = formatTable(
    head,
    results.map(({ row, rounds, failed }) => {
      const {
        meanToCap,
        windows,
        windowsAbove,
        worstSecondToCap,
        worst100msToCap,
        changeSeconds,
        worstHalfSecondAfterToCap,
      } = medians(rounds);
      return [
        row,
        cell(meanToCap, 3),
        rounds.length > 0 ? `${cell(windowsAbove, 0)} of ${cell(windows, 0)}` : '-',
        cell(worstSecondToCap, 3),
        cell(worst100msToCap, 2),
        cell(changeSeconds, 2),
        cell(worstHalfSecondAfterToCap, 2),
        failed ?? '',
      ];
    }),
  );
  const goals = /** @type {import('./harness/goals.mjs').Goal[]} */ ([
    ['leastMeanToCap', '≥', 0.97],
    ['mostMeanToCap', '≤', 1],
    ['secondsAboveCap', '≤', 0],
    ['worst100msToCap', '≤', 1.15],
    ['policyChangeSeconds', '≤', 2],
  ]);
  const rows = results.map(({ row, rounds, failed }) => ({
    row,
    rounds: rounds.map(roundedAll),
    ...(failed === undefined ? {} : { failed }),
  }));
  const text = ['caps of the policy, counted at the network card', table, '', judge(figures, goals)].join('\n');
  return { figures, rows, text };
}
