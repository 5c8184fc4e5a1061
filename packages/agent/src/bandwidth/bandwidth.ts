/**
 * The one budget of an agent over everything it moves: peers, registry reads, both directions. Says what
 * may move now, in payload bytes; the rules count bytes on the wire, so headers and the acknowledgements
 * that go the other way are added here. Which rules there are is decided elsewhere.
 */
import { type BucketRule, createLimiter, type Limiter, type SharedCap, type Traffic } from '@shoal/policy';
import { PIECE_HEADER_BYTES } from '@shoal/wire';

export interface Bandwidth {
  /** Payload bytes that may move now; at most 0 when none may, `Infinity` when nothing limits them. */
  available(traffic: Traffic): number;
  /** Payload that moves, or that was asked for; less than 0 for what was asked for and will not come. */
  take(traffic: Traffic, bytes: number): void;
  /** Payload bytes a second of the tightest rule. */
  rate(traffic: Traffic): number;
  /** The longest block that keeps such traffic smooth. */
  blockBytes(traffic: Traffic): number;
  setRules(rules: readonly BucketRule[]): void;
  /** Who hears of every taking, before it counts. */
  onTake: () => void;
  /** How much of a peer's rate is asked ahead, ms; undefined: as the swarm likes. */
  aheadMs: number | undefined;
}

/** Of a full frame of Ethernet (MTU 1500, TCP with timestamps). */
const FRAME_PAYLOAD_BYTES = 1448;
const FRAME_HEADER_BYTES = 66;
/** What a full frame is to its payload. */
export const WIRE_PER_PAYLOAD = (FRAME_PAYLOAD_BYTES + FRAME_HEADER_BYTES) / FRAME_PAYLOAD_BYTES;
/** An acknowledgement for every two frames. */
export const ACK_PER_PAYLOAD = FRAME_HEADER_BYTES / (2 * FRAME_PAYLOAD_BYTES);

/** Requests, haves and refusals beside the blocks: about one part in a hundred, counted on a card at 8 and 80 Mbit/s. */
const CONTROL = 1.01;

const MAX_BLOCK_BYTES = 256 * 1024;
/** The least that two agents agree on; what is asked for may be shorter. */
const MIN_BLOCK_BYTES = 16 * 1024;
const MIN_REQUEST_BYTES = 2 * 1024;
const BLOCK_MS = 10;

/** Who hears of what moves under caps that hosts share. */
export interface SharedUse {
  noteUse(cap: SharedCap, bytes: number): void;
  /** Something waits for this cap and for no lesser limit. */
  wants(cap: SharedCap): void;
}

const UNHEARD: SharedUse = { noteUse: () => {}, wants: () => {} };

interface Counting {
  rules: readonly BucketRule[];
  /** The tightest of them. */
  least: BucketRule | undefined;
  wirePerPayload: number;
}

export function createBandwidth(
  rules: readonly BucketRule[],
  clock: () => number,
  shared: SharedUse = UNHEARD,
): Bandwidth {
  // In whole milliseconds: what trickles in between two looks would let a block begin out of its turn.
  const now = (): number => Math.floor(clock());
  const limiter: Limiter = createLimiter(rules, now());
  let held = rules;
  const known = new Map<string, Counting>();

  const countingOf = (traffic: Traffic): Counting => {
    const { class: name, direction, remote } = traffic;
    const key = `${name} ${direction} ${remote}`;
    const found = known.get(key) ?? counting(held, traffic);
    known.set(key, found);
    return found;
  };

  const takeWire = (traffic: Traffic, bytes: number): void => {
    limiter.take({ ...traffic, bytes }, now());
    for (const { cap } of countingOf(traffic).rules) if (cap !== undefined) shared.noteUse(cap, bytes);
  };

  const rate = (traffic: Traffic): number => {
    const { least } = countingOf(traffic);
    return least === undefined ? Number.POSITIVE_INFINITY : least.bytesPerSecond / WIRE_PER_PAYLOAD;
  };

  const bandwidth: Bandwidth = {
    available(traffic) {
      const tokens = limiter.available(traffic, now());
      const cap = tokens > 0 ? undefined : countingOf(traffic).least?.cap;
      if (cap !== undefined) shared.wants(cap);
      return tokens / WIRE_PER_PAYLOAD;
    },
    take(traffic, bytes) {
      bandwidth.onTake();
      takeWire(traffic, bytes * countingOf(traffic).wirePerPayload * CONTROL);
      const direction = traffic.direction === 'download' ? 'upload' : 'download';
      takeWire({ ...traffic, direction }, bytes * ACK_PER_PAYLOAD);
    },
    aheadMs: undefined,
    rate,
    blockBytes: (traffic) => blockBytesFor(rate(traffic), MIN_REQUEST_BYTES),
    setRules(next) {
      held = next;
      known.clear();
      limiter.setRules(next, now());
    },
    onTake: () => {},
  };
  return bandwidth;
}

function counting(held: readonly BucketRule[], { class: name, direction, remote }: Traffic): Counting {
  const rules = held.filter(
    (rule) => rule.direction === direction && rule.classes.includes(name) && rule.remotes.includes(remote),
  );
  const [first, ...others] = rules;
  const least = others.reduce(
    (tightest, rule) => (rule.bytesPerSecond < (tightest?.bytesPerSecond ?? 0) ? rule : tightest),
    first,
  );
  return {
    rules,
    least,
    wirePerPayload: remote === 'registry' || direction === 'upload' ? WIRE_PER_PAYLOAD : ofBlocks(least),
  };
}

/** Blocks that are asked for come one by one, and under a low cap their last frame is not full. */
function ofBlocks(least: BucketRule | undefined): number {
  const blockBytes = blockBytesFor(
    (least?.bytesPerSecond ?? Number.POSITIVE_INFINITY) / WIRE_PER_PAYLOAD,
    MIN_REQUEST_BYTES,
  );
  const bytes = blockBytes + PIECE_HEADER_BYTES;
  return (bytes + Math.ceil(bytes / FRAME_PAYLOAD_BYTES) * FRAME_HEADER_BYTES) / blockBytes;
}

/** A block is at most about 10 ms of the rate. */
export function blockBytesFor(bytesPerSecond: number, leastBytes = MIN_BLOCK_BYTES): number {
  let blockBytes = MAX_BLOCK_BYTES;
  while (blockBytes > leastBytes && blockBytes > (bytesPerSecond * BLOCK_MS) / 1000) blockBytes /= 2;
  return blockBytes;
}

/** The caps of the agent's own settings; nothing where there is none. */
export function ownRules(limits: { uploadBytesPerSecond: number; downloadBytesPerSecond: number }): BucketRule[] {
  const rule = (direction: 'upload' | 'download', bytesPerSecond: number): BucketRule[] =>
    bytesPerSecond === Number.POSITIVE_INFINITY
      ? []
      : [
          {
            ...{ key: OWN_RULE, direction, bytesPerSecond },
            classes: ['pull', 'prewarm', 'seed'],
            remotes: ['zone', 'elsewhere', 'registry'],
          },
        ];
  return [...rule('upload', limits.uploadBytesPerSecond), ...rule('download', limits.downloadBytesPerSecond)];
}

/** What such a cap is called where the rules of the policy have their names. */
export const OWN_RULE = 'limits of agent.yaml';
