/* The table and the figures of the bench `limits`. */
import { judge } from './harness/goals.mjs';
import { medians, roundedAll } from './harness/median.mjs';
import { cell, formatTable } from './harness/table.mjs';

const LEAST_MBITS_FOR_SHORT = 8;

/** @typedef {{ row: string, failed?: string, rounds: Record<string, number>[] }} SharedResult windows of 5 s for `read`, of 1 s for `zone` */

/** Of several rounds the worst counts. @param {readonly import('./limits.mjs').Result[]} results @param {readonly SharedResult[]} shared */
export function describeLimits(results, shared) {
  const all = results.flatMap(({ row, mbits, rounds }) => rounds.map((round) => ({ row, mbits, ...round })));
  const of = (/** @type {string} */ name, least = 0) =>
    all.filter(({ mbits }) => mbits >= least).flatMap((round) => /** @type {any} */ (round)[name] ?? []);
  const figures = roundedAll({
    leastMeanToCap: Math.min(...of('meanToCap')),
    mostMeanToCap: Math.max(...of('meanToCap')),
    secondsAboveCap: of('windowsAbove').reduce((sum, count) => sum + count, 0),
    worst100msToCap: Math.max(...of('worst100msToCap', LEAST_MBITS_FOR_SHORT)),
    policyChangeSeconds: Math.max(...of('changeSeconds')),
    registryRead5sToCap: worstOf(shared, 'read', 'worstFromStartToCap'),
    zoneSecondsAboveCap: worstOf(shared, 'zone', 'windowsAbove'),
  });
  const head = [
    '',
    'mean / cap',
    '1 s windows above',
    'worst 1 s',
    'worst 100 ms',
    'policy change s',
    'worst 1 s after',
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
        worstSecondAfterToCap,
      } = medians(rounds);
      return [
        row,
        cell(meanToCap, 3),
        rounds.length > 0 ? `${cell(windowsAbove, 0)} of ${cell(windows, 0)}` : '-',
        cell(worstSecondToCap, 3),
        cell(worst100msToCap, 2),
        cell(changeSeconds, 2),
        cell(worstSecondAfterToCap, 2),
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
    ['registryRead5sToCap', '≤', 1.15],
    ['zoneSecondsAboveCap', '≤', 0],
  ]);
  const sharedTable = formatTable(
    ['', 'mean / cap', 'windows above', 'worst window', 'from the start', 'note'],
    shared.map(({ row, rounds, failed }) => {
      const { meanToCap, windows, windowsAbove, worstWindowToCap, worstFromStartToCap } = medians(rounds);
      const above = rounds.length > 0 ? `${cell(windowsAbove, 0)} of ${cell(windows, 0)}` : '-';
      const worst = [cell(worstWindowToCap, 3), cell(worstFromStartToCap, 3)];
      return [row, cell(meanToCap, 3), above, ...worst, failed ?? ''];
    }),
  );
  const rows = [...results, ...shared].map(({ row, rounds, failed }) => ({
    row,
    rounds: rounds.map(roundedAll),
    ...(failed === undefined ? {} : { failed }),
  }));
  const text = [
    ...['caps of the policy, counted at the network card', table, ''],
    ...['a registry read in windows of 5 s, what comes into a zone in windows of 1 s', sharedTable, ''],
    judge(figures, goals),
  ].join('\n');
  return { figures, rows, text };
}

/** @param {readonly SharedResult[]} shared @param {string} row @param {string} name */
function worstOf(shared, row, name) {
  const rounds = shared.filter((result) => result.row === row).flatMap((result) => result.rounds);
  return Math.max(...rounds.map((round) => round[name] ?? Number.NaN));
}
