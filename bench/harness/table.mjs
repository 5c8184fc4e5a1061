/* A table for people: columns as wide as their longest cell, numbers to the right, words to the left. */

/** A column of words, as the first one is. */
const NOTE = 'note';

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows @returns {string} */
export function formatTable(head, rows) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const padded = (/** @type {string} */ text, /** @type {number} */ column) => {
    const width = widths[column] ?? 0;
    return column === 0 || head[column] === NOTE ? text.padEnd(width) : text.padStart(width);
  };
  const line = (/** @type {readonly string[]} */ cells) => cells.map(padded).join('  ').trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map((row) => line(row))].join('\n');
}

/** `-` for what was not measured. @param {number | undefined} value @param {number} digits */
export function cell(value, digits) {
  return value === undefined || !Number.isFinite(value) ? '-' : value.toFixed(digits);
}
