/* Figures of several rounds put together. */

/** @param {readonly number[]} values @returns {number} */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median of every figure. @param {readonly Record<string, number>[]} samples @returns {Record<string, number>} */
export function medians(samples) {
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(samples.map((sample) => sample[name] ?? Number.NaN))]));
}

/** Four digits that count; what was not measured is left out. @param {Record<string, number | undefined>} figures */
export function roundedAll(figures) {
  /** @type {Record<string, number>} */
  const found = {};
  for (const [name, value] of Object.entries(figures)) {
    if (value !== undefined && Number.isFinite(value)) found[name] = Number(value.toPrecision(4));
  }
  return found;
}
