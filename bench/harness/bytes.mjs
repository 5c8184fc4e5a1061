/* Amounts of bytes as people write them. */

/** @type {Record<string, number>} */
const UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

export const GIB = 2 ** 30;
export const MIB = 2 ** 20;

/** `2GiB`, `64 MiB`, `1e6`; undefined when it is no amount. @param {string} text @returns {number | undefined} */
export function parseBytes(text) {
  const match = /^([\d.]+(?:e\d+)?)\s*([kmg]?i?b)?$/i.exec(text.trim());
  const bytes = Number(match?.[1]) * (UNITS[(match?.[2] ?? 'B').toUpperCase()] ?? Number.NaN);
  return Number.isFinite(bytes) && bytes > 0 ? Math.round(bytes) : undefined;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const [unit, size] = bytes >= GIB ? ['GiB', GIB] : ['MiB', MIB];
  return `${Number((bytes / size).toFixed(1))} ${unit}`;
}
