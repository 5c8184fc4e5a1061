/** A forecast as people read it: times against the bound, traffic against a star, and the curve. Pure. */
import { formatBytes, formatCopies, formatDuration, formatTable } from '../output/format.ts';
import type { Forecast } from './forecast.ts';
import { textCurve } from './text-curve.ts';

export function describeForecast(forecast: Forecast, width: number): string {
  const { boundMs, hosts, killedHosts, unfinishedHosts } = forecast;
  const killed = killedHosts > 0 ? `, ${killedHosts} of them killed` : '';
  const unfinished =
    unfinishedHosts > 0 ? `${unfinishedHosts} hosts were not ready when the simulation gave up.\n` : '';
  return [
    `${hosts} hosts${killed}, ${formatBytes(forecast.imageBytes)} at ${formatBytes(forecast.capBytesPerSecond)}/s each; no swarm is faster than ${formatDuration(boundMs)}\n`,
    '\n',
    formatTable(['READY', 'AFTER', '÷ FASTEST'], timeRows(forecast)),
    unfinished,
    '\n',
    formatTable(['TRAFFIC', 'BYTES', 'COPIES'], trafficRows(forecast)),
    '\n',
    'hosts ready over time\n',
    textCurve(forecast, width),
  ].join('');
}

function timeRows({ boundMs, ready50Ms, ready95Ms, ready100Ms }: Forecast): string[][] {
  const row = (share: string, ms: number | null): string[] =>
    ms === null ? [share, 'not reached', '–'] : [share, formatDuration(ms), (ms / boundMs).toFixed(2)];
  return [row('50 %', ready50Ms), row('95 %', ready95Ms), row('100 %', ready100Ms)];
}

function trafficRows({ imageBytes, originBytes, seederBytes, starBytes, uplinks }: Forecast): string[][] {
  const row = (what: string, bytes: number): string[] => [what, formatBytes(bytes), formatCopies(bytes, imageBytes)];
  const zones =
    uplinks === null
      ? []
      : [row(`into a zone, most of ${uplinks.zones}`, uplinks.maxBytes), row('into a zone, mean', uplinks.meanBytes)];
  return [
    row('registry → seeder', originBytes),
    row('seeder → hosts', seederBytes),
    ...zones,
    row('for comparison: each host pulls from the registry', starBytes),
  ];
}
