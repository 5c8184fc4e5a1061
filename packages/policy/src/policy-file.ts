/** Reads `bandwidth.yaml`: a typed policy, or everything that is wrong with it at once. Decides the order of the checks. */
import type { z } from 'zod';
import type { Match, Policy, Rule } from './policy.ts';
import { faultsOf } from './policy-faults.ts';
import { nonsenseIn } from './policy-nonsense.ts';
import { policySchema } from './policy-schema.ts';
import { type FileFault, parseYaml, pathText } from './yaml-places.ts';

export type ParsedPolicy = { ok: true; policy: Policy } | { ok: false; faults: FileFault[] };

const DEFAULT_REACT_MS = 250;
/** A thousand long rules; more is no policy. */
const MAX_CHARS = 1024 * 1024;

/** `fileName` is what the user calls the file; it stands in front of each place. */
export function parsePolicy(text: string, fileName: string): ParsedPolicy {
  if (text.length > MAX_CHARS) {
    const fault = { at: `${fileName}:1:1`, key: '', text: 'is larger than 1 MiB; this is no bandwidth policy' };
    return { ok: false, faults: [fault] };
  }
  const yaml = parseYaml(text.replace(/^\uFEFF/, ''), fileName);
  if (yaml.faults.length > 0) return { ok: false, faults: yaml.faults };
  const parsed = policySchema.safeParse(yaml.value);
  const nonsense = nonsenseIn(yaml.value).map((found) => ({
    at: yaml.at(found.path, found.which),
    key: pathText(found.path),
    text: found.text,
  }));
  const faults = [...faultsOf(parsed.error?.issues ?? [], yaml), ...nonsense];
  if (parsed.success && faults.length === 0) return { ok: true, policy: policyFrom(parsed.data) };
  return { ok: false, faults: inFileOrder(faults) };
}

type FilePolicy = z.output<typeof policySchema>;
type FileRule = FilePolicy['rules'][number];

function policyFrom({ version, timezone = 'UTC', rules }: FilePolicy): Policy {
  return { version, timezone, rules: rules.map(ruleFrom) };
}

function ruleFrom({ name, match = {}, when = [], limit, yield: yields }: FileRule): Rule {
  const reactWithinMs = yields?.['react-within'] ?? DEFAULT_REACT_MS;
  return {
    ...{ name, match: matchFrom(match), when },
    ...(limit === undefined ? {} : { limit }),
    ...(yields === undefined ? {} : { yield: { keepFree: yields['keep-free'], reactWithinMs } }),
  };
}

function matchFrom({
  class: classes,
  host: hosts,
  address: addresses,
  ...labels
}: NonNullable<FileRule['match']>): Match {
  return {
    ...(classes === undefined ? {} : { classes }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(addresses === undefined ? {} : { addresses }),
    labels: Object.entries(labels).map(([label, values]) => ({ label, values })),
  };
}

/** By line and column; a place stands once for each thing wrong with it. */
function inFileOrder(faults: readonly FileFault[]): FileFault[] {
  const placeOf = ({ at }: FileFault): number[] => at.split(':').slice(-2).map(Number);
  return [...faults].sort((a, b) => {
    const [[line = 0, column = 0], [otherLine = 0, otherColumn = 0]] = [placeOf(a), placeOf(b)];
    return line - otherLine || column - otherColumn;
  });
}
