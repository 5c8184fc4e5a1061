/** What a check of `shoal doctor` found, and how it is told: one line a finding. Pure. */
import { formatTable } from '../output/format.ts';

export type CheckName =
  | 'settings'
  | 'agent'
  | 'engine'
  | 'registry'
  | 'tracker'
  | 'clock'
  | 'ports'
  | 'disk'
  | 'limits'
  | 'proxies'
  | 'setup';

export interface Finding {
  check: CheckName;
  /** `fault`: an image would not arrive. `warning`: it would, but not as well or not always. */
  state: 'ok' | 'warning' | 'fault';
  text: string;
  /** What to do, as a sentence. */
  next?: string;
}

export function ok(check: CheckName, text: string): Finding {
  return { check, state: 'ok', text };
}

export function warning(check: CheckName, text: string, next: string): Finding {
  return { check, state: 'warning', text, next };
}

export function fault(check: CheckName, text: string, next?: string): Finding {
  return { check, state: 'fault', text, ...(next !== undefined && { next }) };
}

export interface Diagnosis {
  findings: Finding[];
  warnings: number;
  faults: number;
}

export function diagnosisOf(findings: Finding[]): Diagnosis {
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  return { findings, warnings: count('warning'), faults: count('fault') };
}

export function describeDiagnosis({ findings, warnings, faults }: Diagnosis): string {
  const rows = findings.map(({ check, state, text, next }) => [check, state, [sentence(text, next), next].join(' ')]);
  const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  return `${formatTable(['CHECK', 'STATE', 'FINDING'], rows)}\n${plural(faults, 'fault')}, ${plural(warnings, 'warning')}\n`;
}

function sentence(text: string, next: string | undefined): string {
  return next === undefined || /[.!?"]$/.test(text) ? text : `${text}.`;
}
