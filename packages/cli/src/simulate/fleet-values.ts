/** What people write on the command line of a simulated fleet: amounts, shares and times. Pure; refuses with what to write. */
import { parseRate } from '@shoal/policy';
import { InvalidArgumentError } from 'commander';

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};
const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000 };

const MAX_LATENCY_MS = 10_000;
const MAX_SEED = 2 ** 32 - 1;

/** Bytes, at least one: `8GB` is decimal, `8 GiB` binary. */
export function parseSize(text: string): number {
  const bytes = Math.round(amountOf(text, SIZE_UNITS));
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('Write an amount of bytes such as 8GB, 500MB or 2GiB.');
}

/** Milliseconds. */
export function parseLatency(text: string): number {
  const ms = amountOf(text, TIME_UNITS);
  if (ms > 0 && ms <= MAX_LATENCY_MS) return ms;
  throw new InvalidArgumentError('Write a time of up to 10 s, such as 1ms or 0.5ms.');
}

/** Bytes per second above zero; `Infinity` for `unlimited`. */
export function parseSomeRate(text: string): number {
  const rate = rateOf(text);
  if (rate > 0) return rate;
  throw new InvalidArgumentError('At 0 nothing would move. Write a rate such as "200 Mbit/s".');
}

/** Bytes per second; what has no end cannot be waited for. */
export function parseFiniteRate(text: string): number {
  const rate = parseSomeRate(text);
  if (Number.isFinite(rate)) return rate;
  throw new InvalidArgumentError(
    'A simulation needs a number: write the rate of the hosts\' network, such as "10 Gbit/s".',
  );
}

export function parseCount(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (count >= lowest && count <= highest) return count;
    throw new InvalidArgumentError(`Write a whole number from ${lowest} to ${highest}.`);
  };
}

export const parseSeed = parseCount(0, MAX_SEED);

/** `5%:0.1`: so many hosts at this part of the rate. */
export function parseSlow(text: string): { share: number; factor: number } {
  const [, percent, factor] = /^(\d+(?:\.\d+)?)\s*%:(\d+(?:\.\d+)?)$/.exec(text.trim()) ?? [];
  const slow = { share: Number(percent) / 100, factor: Number(factor) };
  if (isShare(slow.share) && slow.factor >= 0.001 && slow.factor <= 1) return slow;
  throw new InvalidArgumentError('Write the share of the hosts and their part of the rate, such as 5%:0.1.');
}

/** `20%@50%`: so many hosts, at this part of the shortest time there is. */
export function parseKill(text: string): { share: number; at: number } {
  const [, percent, atPercent] = /^(\d+(?:\.\d+)?)\s*%@(\d+(?:\.\d+)?)\s*%$/.exec(text.trim()) ?? [];
  const kill = { share: Number(percent) / 100, at: Number(atPercent) / 100 };
  if (isShare(kill.share) && isShare(kill.at)) return kill;
  throw new InvalidArgumentError('Write the share of the hosts and when, such as 20%@50%.');
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function amountOf(text: string, units: Readonly<Record<string, number>>): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim()) ?? [];
  return Number(number) * (units[unit.toLowerCase()] ?? Number.NaN);
}

function rateOf(text: string): number {
  try {
    return parseRate(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
