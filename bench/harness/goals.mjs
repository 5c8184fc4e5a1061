/* The lines of an issue that a figure is judged by. Says; the exit code is another matter. */
import { cell, formatTable } from './table.mjs';

/** @typedef {[figure: string, relation: '≤' | '≥', value: number]} Goal */

/** All figures, those with a goal first. @param {Record<string, number>} figures @param {readonly Goal[]} goals */
export function judge(figures, goals) {
  const judged = goals.map(([name, relation, wanted]) => {
    const value = figures[name];
    return [name, cell(value, 2), `${relation} ${wanted}`, value === undefined ? '?' : meets(value, relation, wanted)];
  });
  const named = new Set(goals.map(([name]) => name));
  const others = Object.entries(figures).filter(([name]) => !named.has(name));
  return formatTable(
    ['figure', 'value', 'wanted', ''],
    [...judged, ...others.map(([name, value]) => [name, cell(value, 2)])],
  );
}

/** @param {number} value @param {'≤' | '≥'} relation @param {number} wanted */
function meets(value, relation, wanted) {
  return (relation === '≤' ? value <= wanted : value >= wanted) ? 'yes' : 'NO';
}
