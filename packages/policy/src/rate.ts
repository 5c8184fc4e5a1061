/**
 * Rates as people write them: `60 MB/s`, `200 Mbit/s`, `1 GiB/s`, `unlimited`. Bytes and bits, decimal (MB) or
 * binary (MiB). Does not know percentages of a link; the policy file does.
 */

export class RateError extends Error {
  readonly code = 'INVALID_RATE';
}

const UNITS: Readonly<Record<string, number>> = {
  'b/s': 1,
  'kb/s': 1e3,
  'mb/s': 1e6,
  'gb/s': 1e9,
  'kib/s': 1024,
  'mib/s': 1024 ** 2,
  'gib/s': 1024 ** 3,
  'bit/s': 1 / 8,
  'kbit/s': 1e3 / 8,
  'mbit/s': 1e6 / 8,
  'gbit/s': 1e9 / 8,
  'kibit/s': 1024 / 8,
  'mibit/s': 1024 ** 2 / 8,
  'gibit/s': 1024 ** 3 / 8,
};

/** Bytes per second; `Infinity` for `unlimited`. Throws RateError naming the units there are. */
export function parseRate(text: string): number {
  const trimmed = text.trim();
  if (trimmed === 'unlimited') return Number.POSITIVE_INFINITY;
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+\/s)$/.exec(trimmed);
  const factor = match?.[2] === undefined ? undefined : UNITS[match[2].toLowerCase()];
  if (match?.[1] === undefined || factor === undefined)
    throw new RateError(
      `"${text}" is not a rate; write a number and a unit such as "60 MB/s", "200 Mbit/s" or "1 GiB/s", or "unlimited"`,
    );
  const bytesPerSecond = Number(match[1]) * factor;
  if (bytesPerSecond > 0 && bytesPerSecond < 1024)
    throw new RateError(`"${text}" is below 1 KiB/s; write 0 B/s to freeze, or a rate of at least 1 KiB/s`);
  return bytesPerSecond;
}

export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return 'unlimited';
  if (bytesPerSecond >= 1e9) return `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`;
  if (bytesPerSecond >= 1e6) return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
  return `${(bytesPerSecond / 1e3).toFixed(1)} kB/s`;
}
