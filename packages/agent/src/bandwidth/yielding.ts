/**
 * Gives way to business traffic: looks at the network card a few times within the reaction the policy asks
 * for, and says what is left for us. Decides when to look; what follows from it is the governor's.
 */
import { createGovernor, DIRECTIONS, type Direction, type Governor, type HostLimits } from '@shoal/policy';
import { ACK_PER_PAYLOAD, WIRE_PER_PAYLOAD } from './bandwidth.ts';
import type { NicCounters, NicReading } from './nic-counters.ts';

export type Grants = Record<Direction, number>;

/** Bytes a second on the card, by direction. */
export interface Measured {
  business: Grants;
  own: Grants;
}

export interface YieldingOptions {
  counters: NicCounters;
  /** Wins over what the card says. */
  linkBytesPerSecond: number | undefined;
  /** Payload bytes this agent has moved since it started. */
  moved(): Grants;
}

export interface Yielding {
  /** Who hears of each new grant; undefined: none is in force. */
  onGrants: (grants: Grants | undefined) => void;
  /** What the policy asks for now; undefined: nothing. */
  set(settings: HostLimits['yield']): void;
  /** Something of ours moves, or was asked for: looks that were rare are not any more. Called for every block. */
  moves(): void;
  /** The link, as declared or as the card says. */
  readonly linkBytesPerSecond: number | undefined;
  readonly measured: Measured | undefined;
  readonly grants: Grants | undefined;
  readonly interfaces: readonly string[];
  stop(): void;
}

/** Looks within the reaction: one to see, one to be sure, and time to act. */
const LOOKS = 5;
/** Without a rule, and while nothing of ours moves, it is only looked for people's sake. */
const IDLE_LOOK_MS = 1000;

interface Look {
  reading: NicReading;
  moved: Grants;
}

export function createYielding(options: YieldingOptions): Yielding {
  const { counters, moved } = options;
  let settings: HostLimits['yield'];
  let governors: Record<Direction, Governor> | undefined;
  let last: Look | undefined;
  let measured: Measured | undefined;
  let timer: NodeJS.Timeout | undefined;

  const link = (): number | undefined =>
    options.linkBytesPerSecond ?? (last?.reading ?? counters.read())?.linkBytesPerSecond;

  const start = (linkBytesPerSecond: number | undefined): void => {
    if (settings === undefined || linkBytesPerSecond === undefined) governors = undefined;
    else {
      const facts = { linkBytesPerSecond, keepFree: settings.keepFree, reactWithinMs: settings.reactWithinMs };
      governors = { download: createGovernor(facts), upload: createGovernor(facts) };
    }
    yielding.onGrants(grantsOf(governors));
  };

  const look = (): void => {
    const reading = counters.read();
    if (reading === undefined) return;
    const [previous, next] = [last, { reading, moved: withAcks(moved()) }];
    last = next;
    // Another card: its counter says nothing about the time before.
    if (previous !== undefined && previous.reading.interfaces.join() !== reading.interfaces.join()) start(link());
    else if (previous !== undefined && reading.atMs > previous.reading.atMs) measured = measure(previous, next);
    if (governors === undefined) return;
    const before = grantsOf(governors);
    for (const direction of DIRECTIONS) {
      const nicBytes = direction === 'download' ? reading.receivedBytes : reading.sentBytes;
      governors[direction].sample({ nowMs: reading.atMs, nicBytes, ownBytes: next.moved[direction] });
    }
    const grants = grantsOf(governors);
    if (!isSame(grants, before)) yielding.onGrants(grants);
  };

  /** The interval of looks while something of ours moves. */
  let busyLookMs = IDLE_LOOK_MS;
  let isAtRest = false;
  let [seen, stillMs] = [moved(), 0];

  const lookEvery = (ms: number): void => {
    clearInterval(timer);
    timer = setInterval(() => {
      look();
      const now = moved();
      stillMs = isSame(now, seen) ? stillMs + ms : 0;
      seen = now;
      if (isAtRest && stillMs === 0) wake();
      else if (busyLookMs < IDLE_LOOK_MS && !isAtRest && stillMs >= IDLE_LOOK_MS) rest();
    }, ms);
    timer.unref();
  };
  /** Nothing of ours is on the link that could be taken back, and each look wakes the processor. */
  const rest = (): void => {
    isAtRest = true;
    lookEvery(IDLE_LOOK_MS);
  };
  const wake = (): void => {
    [isAtRest, stillMs] = [false, 0];
    lookEvery(busyLookMs);
  };

  wake();
  const yielding: Yielding = {
    onGrants: () => {},
    set(next) {
      if (next?.keepFree === settings?.keepFree && next?.reactWithinMs === settings?.reactWithinMs) return;
      settings = next;
      start(link());
      busyLookMs = next === undefined ? IDLE_LOOK_MS : next.reactWithinMs / LOOKS;
      wake();
    },
    moves() {
      if (!isAtRest) return;
      look();
      wake();
    },
    get linkBytesPerSecond() {
      return link();
    },
    get measured() {
      return measured;
    },
    get grants() {
      return grantsOf(governors);
    },
    get interfaces() {
      return last?.reading.interfaces ?? [];
    },
    stop() {
      isAtRest = false;
      clearInterval(timer);
      counters.close();
    },
  };
  return yielding;
}

function grantsOf(governors: Record<Direction, Governor> | undefined): Grants | undefined {
  return (
    governors && {
      download: governors.download.grantBytesPerSecond,
      upload: governors.upload.grantBytesPerSecond,
    }
  );
}

function isSame(one: Grants | undefined, other: Grants | undefined): boolean {
  return one?.download === other?.download && one?.upload === other?.upload;
}

/** As payload: what acknowledges the other direction moves too. */
function withAcks({ download, upload }: Grants): Grants {
  const acks = ACK_PER_PAYLOAD / WIRE_PER_PAYLOAD;
  return { download: download + upload * acks, upload: upload + download * acks };
}

function measure(before: Look, next: Look): Measured {
  const seconds = (next.reading.atMs - before.reading.atMs) / 1000;
  const rates = (direction: Direction): { business: number; own: number } => {
    const key = direction === 'download' ? 'receivedBytes' : 'sentBytes';
    const all = next.reading[key] - before.reading[key];
    const own = (next.moved[direction] - before.moved[direction]) * WIRE_PER_PAYLOAD;
    return { business: Math.max(0, all - own) / seconds, own: own / seconds };
  };
  const [down, up] = [rates('download'), rates('upload')];
  return {
    business: { download: down.business, upload: up.business },
    own: { download: down.own, upload: up.own },
  };
}
