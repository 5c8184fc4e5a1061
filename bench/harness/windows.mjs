/*
 * Rates over sliding windows of time, from counters that were looked at now and then. A window ends at the first look
 * that is at least its length after the one it begins with, and is divided by the time that really passed.
 */

/**
 * @typedef {[atMs: number, receivedBytes: number, sentBytes: number]} NicSample
 * @typedef {[atMs: number, bytes: number]} Count one direction
 * @typedef {{ fromMs: number, toMs: number, bytesPerSecond: number }} Window
 */

/** @param {readonly NicSample[]} samples @param {'down' | 'up'} direction @returns {Count[]} */
export function countsOf(samples, direction) {
  return samples.map(([atMs, received, sent]) => [atMs, direction === 'down' ? received : sent]);
}

/** @param {readonly Count[]} counts @param {number} fromMs @param {number} [toMs] @returns {Count[]} */
export function between(counts, fromMs, toMs = Number.POSITIVE_INFINITY) {
  return counts.filter(([atMs]) => atMs >= fromMs && atMs <= toMs);
}

/** Bytes a second from the first look to the last. @param {readonly Count[]} counts */
export function meanRate(counts) {
  const [first, last] = [counts[0], counts.at(-1)];
  if (first === undefined || last === undefined) return Number.NaN;
  return rateBetween(first, last);
}

/** One from every look that has one. @param {readonly Count[]} counts @param {number} lengthMs @returns {Window[]} */
export function windowsOf(counts, lengthMs) {
  const windows = [];
  let end = 0;
  for (const first of counts) {
    while (end < counts.length && /** @type {Count} */ (counts[end])[0] - first[0] < lengthMs) end++;
    const last = counts[end];
    if (last === undefined) break;
    windows.push({ fromMs: first[0], toMs: last[0], bytesPerSecond: rateBetween(first, last) });
  }
  return windows;
}

/** Bytes a second of the fullest window. @param {readonly Count[]} counts @param {number} lengthMs */
export function worstRate(counts, lengthMs) {
  return windowsOf(counts, lengthMs).reduce((most, { bytesPerSecond }) => Math.max(most, bytesPerSecond), 0);
}

/** What a window may have above its cap. */
export const TOLERANCE = 1.02;

/** @param {readonly Count[]} counts @param {number} cap bytes a second @param {number} lengthMs */
export function againstCap(counts, cap, lengthMs) {
  const windows = windowsOf(counts, lengthMs);
  return {
    meanToCap: meanRate(counts) / cap,
    windows: windows.length,
    windowsAbove: windows.filter(({ bytesPerSecond }) => bytesPerSecond > cap * TOLERANCE).length,
    worstWindowToCap: worstRate(counts, lengthMs) / cap,
  };
}

/**
 * When the first window begins from which on none is above the limit; `Infinity` when the last one still is.
 * @param {readonly Count[]} counts @param {number} lengthMs @param {number} limit bytes a second
 */
export function keptFrom(counts, lengthMs, limit) {
  const windows = windowsOf(counts, lengthMs);
  const lastAbove = windows.findLastIndex(({ bytesPerSecond }) => bytesPerSecond > limit);
  return windows[lastAbove + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
}

/** @param {Count} first @param {Count} last */
function rateBetween(first, last) {
  return ((last[1] - first[1]) * 1000) / (last[0] - first[0]);
}
