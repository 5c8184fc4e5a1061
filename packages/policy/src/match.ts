/** Whether a rule is about a host, and about a class of traffic. Decides nothing about time. */
import { inRange } from './address.ts';
import { globMatches } from './glob.ts';
import { CLASSES, type Match, type TrafficClass } from './policy.ts';

/** What is known of a host. */
export interface PolicyHost {
  name: string;
  /** IPv4 or IPv6; a host without one matches no rule with addresses. */
  address?: string;
  labels?: Readonly<Record<string, string>>;
  /** Detected or declared, the same both ways; a percentage of an unknown link limits nothing yet. */
  linkBytesPerSecond?: number;
}

/** Host names without regard to case, as DNS has them; labels as they are written. */
export function matchesHost({ hosts, addresses, labels }: Match, host: PolicyHost): boolean {
  const name = host.name.toLowerCase();
  const { address } = host;
  return (
    (hosts === undefined || hosts.some((glob) => globMatches(glob.toLowerCase(), name))) &&
    (addresses === undefined || (address !== undefined && addresses.some((range) => inRange(address, range)))) &&
    labels.every(({ label, values }) => hasLabel(host.labels ?? {}, label, values))
  );
}

function hasLabel(labels: Readonly<Record<string, string>>, label: string, values: readonly string[]): boolean {
  const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
  return value !== undefined && values.some((glob) => globMatches(glob, value));
}

export function classesOf({ classes = CLASSES }: Match): readonly TrafficClass[] {
  return classes;
}
