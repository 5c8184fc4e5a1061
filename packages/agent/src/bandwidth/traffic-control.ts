/**
 * Which limits hold on this host now: its own settings, the policy's rules by the clock, its part of what
 * hosts share, and what business traffic leaves free. Puts them into the budget whenever one changes.
 */
import {
  type BucketRule,
  bucketRulesOf,
  CLASSES,
  DIRECTIONS,
  type Direction,
  effectiveRules,
  type HostLimits,
  limitsOf,
  nextChange,
  type PolicyHost,
  type Rule,
  type SharedCap,
  type TrafficClass,
} from '@shoal/policy';
import type { Logger } from 'pino';
import { type Bandwidth, blockBytesFor, OWN_RULE, ownRules } from './bandwidth.ts';
import { type KeptPolicy, loadPolicy, type PolicyText, readPolicy, savePolicy } from './kept-policy.ts';
import type { Grants, Measured, Yielding } from './yielding.ts';

/** This host's parts of caps that hosts share, 0 to 1. */
export interface SharedParts {
  setCaps(caps: readonly SharedCap[]): void;
  /** Undefined: the cap is not for this host. */
  shareOf(cap: SharedCap): number | undefined;
}

export interface TrafficControlOptions {
  host: Pick<PolicyHost, 'name' | 'address' | 'labels'>;
  limits: { uploadBytesPerSecond: number; downloadBytesPerSecond: number };
  bandwidth: Bandwidth;
  yielding: Yielding;
  shares: SharedParts;
  dataDir: string;
  logger: Logger;
  /** Milliseconds since the epoch: windows are read on this clock. */
  wallNow(): number;
  /** The longest block that is right from now on. */
  onBlockBytes(blockBytes: number): void;
}

export interface RateInForce {
  bytesPerSecond: number;
  /** Who set it: a rule's name. */
  rule: string;
}

export interface LimitsInForce {
  policyVersion: number;
  /** Null where nothing limits. */
  rates: Record<TrafficClass, Record<Direction, RateInForce | null>>;
  shared: (SharedCap & { part: number })[];
  yield: (NonNullable<HostLimits['yield']> & { grants: Grants | null }) | null;
  /** Rules that limit to a part of a link whose speed is not known. */
  unknownLink: string[];
  link: { bytesPerSecond: number | null; interfaces: readonly string[] };
  /** Bytes a second on the card. */
  measured: Measured | null;
}

export interface TrafficControl {
  /** The tracker's word. */
  setPolicy(policy: PolicyText): Promise<void>;
  /** A part of what hosts share has changed. */
  sharesChanged(): void;
  /** Where peers find this host, as the tracker sees it. */
  setAddress(address: string): void;
  inForce(): LimitsInForce;
  readonly blockBytes: number;
  stop(): void;
}

/** Windows open and close by the wall clock, which may be set: it is looked at now and then. */
const LOOK_MS = 30_000;
/** Parts of shared caps change with demand and end with their leases. */
const SHARES_MS = 50;
/** What business leaves may be little: blocks are made for this part of the link. */
const LEAST_GRANT_PART = 0.1;
/** What was asked for before business came is still to come: it may take this part of the reaction. */
const AHEAD_PART = 0.4;
const YIELD_RULE = 'yield';

export async function openTrafficControl(options: TrafficControlOptions): Promise<TrafficControl> {
  const kept = await loadPolicy(options.dataDir, options.logger);
  return new HostLimitsInForce(options, kept);
}

class HostLimitsInForce implements TrafficControl {
  readonly #options: TrafficControlOptions;
  #kept: KeptPolicy;
  #rules: Rule[] = [];
  #limits: HostLimits | undefined;
  #address: string | undefined;
  #grants: Grants | undefined;
  #blockBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #sharesTimer: NodeJS.Timeout | undefined;

  constructor(options: TrafficControlOptions, kept: KeptPolicy) {
    this.#options = options;
    this.#kept = kept;
    options.bandwidth.onTake = () => options.yielding.moves();
    options.yielding.onGrants = (grants) => {
      this.#grants = grants;
      this.#setRules();
    };
    this.#look();
  }

  get blockBytes(): number {
    return this.#blockBytes;
  }

  async setPolicy(text: PolicyText): Promise<void> {
    const { logger, dataDir } = this.#options;
    const next = readPolicy(text, logger);
    if (next === undefined) return;
    const isNew = next.version !== this.#kept.version;
    this.#kept = next;
    this.#look();
    if (!isNew) return;
    logger.info({ event: 'policy in force', version: next.version }, 'another bandwidth policy is in force');
    await savePolicy(dataDir, text).catch((error: unknown) =>
      logger.warn({ event: 'policy not kept', err: error }, 'the bandwidth policy holds but could not be kept on disk'),
    );
  }

  sharesChanged(): void {
    this.#setRules();
  }

  setAddress(address: string): void {
    this.#address = address;
    this.#look();
  }

  inForce(): LimitsInForce {
    const { yielding, shares } = this.#options;
    const limits = this.#limits;
    const rate = (name: TrafficClass, direction: Direction): RateInForce | null => {
      const candidates = [limits?.host[name][direction], this.#ownRate(direction)].filter((one) => one !== undefined);
      const grant = this.#grants?.[direction];
      if (grant !== undefined)
        candidates.push({ rule: limits?.yield?.keepFreeRule ?? YIELD_RULE, bytesPerSecond: grant });
      return candidates.sort((a, b) => a.bytesPerSecond - b.bytesPerSecond)[0] ?? null;
    };
    const rates = Object.fromEntries(
      CLASSES.map((name) => [
        name,
        Object.fromEntries(DIRECTIONS.map((direction) => [direction, rate(name, direction)])),
      ]),
    ) as LimitsInForce['rates'];
    return {
      policyVersion: this.#kept.version,
      rates,
      shared: (limits?.shared ?? []).flatMap((cap) => {
        const part = shares.shareOf(cap);
        return part === undefined ? [] : [{ ...cap, part }];
      }),
      yield: limits?.yield ? { ...limits.yield, grants: this.#grants ?? null } : null,
      unknownLink: limits?.unknownLink ?? [],
      link: { bytesPerSecond: yielding.linkBytesPerSecond ?? null, interfaces: yielding.interfaces },
      measured: yielding.measured ?? null,
    };
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#sharesTimer);
    this.#options.yielding.stop();
  }

  #ownRate(direction: Direction): RateInForce | undefined {
    const { limits } = this.#options;
    const bytesPerSecond = direction === 'upload' ? limits.uploadBytesPerSecond : limits.downloadBytesPerSecond;
    return bytesPerSecond === Number.POSITIVE_INFINITY ? undefined : { rule: OWN_RULE, bytesPerSecond };
  }

  /** What the clock says, and when to look again. */
  #look(): void {
    const { wallNow, yielding, shares, bandwidth } = this.#options;
    const { policy } = this.#kept;
    this.#rules = policy === undefined ? [] : effectiveRules(policy, this.#host(), wallNow());
    this.#limits = policy && limitsOf(policy, this.#host(), wallNow());
    shares.setCaps(this.#limits?.shared ?? []);
    yielding.set(this.#limits?.yield);
    bandwidth.aheadMs = this.#limits?.yield && this.#limits.yield.reactWithinMs * AHEAD_PART;
    this.#setRules();
    clearInterval(this.#sharesTimer);
    if ((this.#limits?.shared.length ?? 0) > 0)
      this.#sharesTimer = setInterval(() => this.#setRules(), SHARES_MS).unref();
    const change = policy && nextChange(policy, wallNow());
    const waitMs = change === undefined ? LOOK_MS : Math.max(1, Math.min(LOOK_MS, change - wallNow()));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), waitMs);
    this.#timer.unref();
  }

  #setRules(): void {
    const { bandwidth, limits, shares, onBlockBytes } = this.#options;
    const { linkBytesPerSecond } = this.#host();
    const own = ownRules(limits);
    const rules = bucketRulesOf(this.#rules, {
      ...(linkBytesPerSecond === undefined ? {} : { linkBytesPerSecond }),
      shareOf: (cap) => shares.shareOf(cap),
    });
    bandwidth.setRules([...own, ...rules, ...this.#grantRules()]);
    const blockBytes = blockBytesFor(this.#steadyRate(own, linkBytesPerSecond));
    if (blockBytes === this.#blockBytes) return;
    this.#blockBytes = blockBytes;
    onBlockBytes(blockBytes);
  }

  #grantRules(): BucketRule[] {
    const grants = this.#grants;
    if (grants === undefined) return [];
    return DIRECTIONS.map((direction) => ({
      ...{ key: YIELD_RULE, direction, bytesPerSecond: grants[direction] },
      classes: [...CLASSES],
      remotes: ['zone', 'elsewhere', 'registry'],
    }));
  }

  /** Blocks are agreed on when peers connect: not by what changes several times a second. */
  #steadyRate(own: readonly BucketRule[], linkBytesPerSecond: number | undefined): number {
    const host = this.#limits?.host;
    const rates = own.map((rule) => rule.bytesPerSecond);
    for (const name of CLASSES)
      for (const direction of DIRECTIONS)
        rates.push(host?.[name][direction]?.bytesPerSecond ?? Number.POSITIVE_INFINITY);
    if (this.#limits?.yield && linkBytesPerSecond !== undefined) rates.push(linkBytesPerSecond * LEAST_GRANT_PART);
    return Math.min(...rates.filter((rate) => rate > 0));
  }

  #host(): PolicyHost {
    const { host, yielding } = this.#options;
    const { linkBytesPerSecond } = yielding;
    const address = host.address ?? this.#address;
    return {
      ...host,
      ...(address === undefined ? {} : { address }),
      ...(linkBytesPerSecond === undefined ? {} : { linkBytesPerSecond }),
    };
  }
}
