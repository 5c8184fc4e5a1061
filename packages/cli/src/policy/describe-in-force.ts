/** The limits that hold on a running agent and what is measured there, as people read it. Pure. */
import type { AgentStatus } from '@shoal/agent';
import { CLASSES, formatRate } from '@shoal/policy';
import { formatTable } from '../output/format.ts';
import { rateText } from './describe-limits.ts';

type Limits = AgentStatus['limits'];

export function describeInForce(limits: Limits): string {
  const rows = CLASSES.map((name) => {
    const { download, upload } = limits.rates[name];
    return [
      name,
      rateText(download ?? undefined),
      download?.rule ?? '',
      rateText(upload ?? undefined),
      upload?.rule ?? '',
    ];
  });
  const shared = limits.shared.map(({ per, key, bytesPerSecond, part, rule }) => [
    `${per} ${key}`,
    `${formatRate(bytesPerSecond * part)} of ${formatRate(bytesPerSecond)}`,
    rule,
  ]);
  const tables = [formatTable(['LIMITS', 'DOWNLOAD', 'SET BY', 'UPLOAD', 'SET BY'], rows)];
  if (shared.length > 0) tables.push(formatTable(['SHARED', 'PART NOW', 'SET BY'], shared));
  return tables.join('\n');
}

/** Lines for the table of facts. */
export function linkFacts({ policyVersion, link, measured, yield: yields, unknownLink }: Limits): string[][] {
  const speed = link.bytesPerSecond === null ? 'not known; set bandwidth.link' : formatRate(link.bytesPerSecond);
  const cards = link.interfaces.length === 0 ? '' : ` (${link.interfaces.join(', ')})`;
  const both = ({ download, upload }: { download: number; upload: number }) =>
    `${formatRate(download)} in, ${formatRate(upload)} out`;
  return [
    ['policy', policyVersion === 0 ? 'none' : `version ${policyVersion}`],
    ['link', `${speed}${cards}`],
    ...(measured === null
      ? []
      : [
          ['business traffic', both(measured.business)],
          ['own traffic', both(measured.own)],
        ]),
    ...(yields === null ? [] : [['left for us', yields.grants === null ? 'not known' : both(yields.grants)]]),
    ...unknownLink.map((rule) => ['not counted', `"${rule}": it limits to a part of the link`]),
  ];
}
