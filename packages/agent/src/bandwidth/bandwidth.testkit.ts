/** Budgets whose caps are given in payload, so that tests count what they send. */

import { type Bandwidth, createBandwidth, ownRules, WIRE_PER_PAYLOAD } from './bandwidth.ts';
import type { LimitsInForce } from './traffic-control.ts';

export interface PayloadCaps {
  up?: number;
  down?: number;
}

export function bandwidthOf({ up, down }: PayloadCaps, now: () => number = () => performance.now()): Bandwidth {
  const wire = (cap = Number.POSITIVE_INFINITY): number => cap * WIRE_PER_PAYLOAD;
  return createBandwidth(ownRules({ uploadBytesPerSecond: wire(up), downloadBytesPerSecond: wire(down) }), now);
}

const FREE = { download: null, upload: null };

export const NO_LIMITS: LimitsInForce = {
  policyVersion: 0,
  rates: { pull: FREE, prewarm: FREE, seed: FREE },
  ...{ shared: [], yield: null, unknownLink: [], measured: null },
  link: { bytesPerSecond: null, interfaces: [] },
};
