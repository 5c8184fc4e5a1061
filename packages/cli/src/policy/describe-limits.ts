/** What holds for one host at one moment, as people read it. Pure. */
import { CLASSES, formatRate, formatWallTime, type HostLimits, type SetRate, wallTimeAt } from '@shoal/policy';
import { formatTable } from '../output/format.ts';

/** Stable; what `shoal policy explain --json` prints. Rates are bytes a second, null where nothing limits. */
export interface Explanation {
  host: string;
  timezone: string;
  atMs: number;
  linkBytesPerSecond: number | null;
  limits: HostLimits['host'];
  shared: HostLimits['shared'];
  yield: HostLimits['yield'] | null;
  /** Rules left out because they limit to a part of a link that was not given. */
  unknownLink: string[];
  nextChangeMs: number | null;
}

export function describeLimits(one: Explanation): string {
  const { host, timezone, atMs, linkBytesPerSecond: link, nextChangeMs } = one;
  const time = (ms: number): string => `${formatWallTime(wallTimeAt(timezone, ms))} ${timezone}`;
  const rows = CLASSES.map((name) => {
    const { download, upload } = one.limits[name];
    return [name, rateText(download), download?.rule ?? '', rateText(upload), upload?.rule ?? ''];
  });
  const parts = [
    `${host} at ${time(atMs)}${link === null ? '' : `, link ${formatRate(link)}`}\n`,
    formatTable(['CLASS', 'DOWNLOAD', 'SET BY', 'UPLOAD', 'SET BY'], rows),
    sharedTable(one.shared),
    yieldLine(one.yield),
    ...one.unknownLink.map((rule) => `not counted: "${rule}" limits to a part of the link; give it with --link\n`),
    nextChangeMs === null ? '' : `next change: ${time(nextChangeMs)}\n`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function sharedTable(shared: HostLimits['shared']): string {
  if (shared.length === 0) return '';
  const rows = shared.map(({ per, key, bytesPerSecond, classes, rule }) => [
    `${per} ${key}`,
    rateText({ bytesPerSecond, rule }),
    classes.length === CLASSES.length ? 'all' : classes.join(', '),
    rule,
  ]);
  return formatTable(['SHARED', 'CAP', 'CLASSES', 'SET BY'], rows);
}

function yieldLine(held: Explanation['yield']): string {
  if (!held) return '';
  const percent = `${Math.round(held.keepFree * 1000) / 10} %`;
  return `${percent} of the link stays free ("${held.keepFreeRule}"), within ${held.reactWithinMs} ms ("${held.reactWithinRule}")\n`;
}

export function rateText(rate: SetRate | undefined): string {
  if (rate === undefined) return 'no limit';
  return rate.bytesPerSecond === 0 ? 'frozen' : formatRate(rate.bytesPerSecond);
}
