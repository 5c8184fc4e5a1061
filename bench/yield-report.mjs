/* The table and the figures of the bench `yield`. */
import { judge } from './harness/goals.mjs';
import { roundedAll } from './harness/median.mjs';
import { cell, formatTable } from './harness/table.mjs';
import { LEFT } from './yield.mjs';

const MBIT = 1e6 / 8;

/** @param {{ phases: import('./yield.mjs').Phase[], onsets: import('./yield.mjs').Onset[], quietMbits: number }} measured */
export function describeYield({ phases, onsets, quietMbits }) {
  const of = (/** @type {string} */ row) => phases.find((phase) => phase.row === row);
  const idle = of('idle');
  const lost = (/** @type {string} */ row) => 1 - (of(row)?.businessMbits ?? Number.NaN) / (idle?.businessMbits ?? 0);
  const added = (/** @type {string} */ row) => (of(row)?.p99Ms ?? Number.NaN) - (idle?.p99Ms ?? Number.NaN);
  const own = of('yield');
  const figures = roundedAll({
    throughputLost: lost('yield'),
    p99AddedMs: added('yield'),
    p99AddedToStatic: added('yield') / added('static, mean of all'),
    p99AddedToStaticBesideBusiness: added('yield') / added('static, mean beside business'),
    startSeconds: Math.max(...onsets.map(({ seconds }) => seconds)),
    startAfterFirstLookSeconds: Math.max(...onsets.map(({ afterFirstLookSeconds }) => afterFirstLookSeconds)),
    startForGoodSeconds: Math.max(...onsets.map(({ forGoodSeconds }) => forGoodSeconds)),
    startWorst100msToLeft: Math.max(...onsets.map(({ worst100msToLeft }) => worst100msToLeft)),
    shareOfLeftUsed: (Math.min(own?.ownDownMbits ?? 0, own?.ownUpMbits ?? 0) * MBIT) / LEFT,
    throughputLostNoPolicy: lost('no policy'),
    p99AddedMsNoPolicy: added('no policy'),
    quietMbits,
  });
  const goals = /** @type {import('./harness/goals.mjs').Goal[]} */ ([
    ['throughputLost', '≤', 0.01],
    ['p99AddedMs', '≤', 5],
    ['p99AddedToStatic', '≤', 0.5],
    ['startAfterFirstLookSeconds', '≤', 0.25],
    ['startSeconds', '≤', 0.5],
    ['shareOfLeftUsed', '≥', 0.9],
  ]);
  const table = formatTable(
    ['', 'business Mbit/s', 'lost', 'p50 ms', 'p99 ms', 'p99 added', 'swarm down', 'swarm up'],
    phases.map(({ row, businessMbits, p50Ms, p99Ms, ownDownMbits, ownUpMbits }) => [
      ...[row, cell(businessMbits, 1), cell(lost(row), 3), cell(p50Ms, 2), cell(p99Ms, 2), cell(added(row), 2)],
      ...[cell(ownDownMbits, 1), cell(ownUpMbits, 1)],
    ]),
  );
  const text = ['business of 60 % on a link of 200 Mbit/s, beside a swarm', table, '', judge(figures, goals)].join(
    '\n',
  );
  return { figures, rows: [...phases, ...onsets.map((onset) => ({ row: 'start', ...onset }))], text };
}
