/**
 * Runs a pattern over a text: all its states side by side, one character at a time, so that no text makes it run back.
 * Pure.
 */
import { TrackerError } from '../errors.ts';
import type { Pattern } from './pattern.ts';

/** Steps left for all the texts of one question. Taken down by every run. */
export interface Budget {
  steps: number;
}

/** Whether the whole text matches. Throws TrackerError BAD_CONSTRAINT when the budget is spent. */
export function matchesWhole(pattern: Pattern, text: string, budget: Budget): boolean {
  const chars = Array.from(text);
  const isIn = new Int32Array(pattern.length).fill(-1);
  let states = statesFrom({ pattern, isIn, at: 0, end: chars.length }, [0]);
  for (const [index, char] of chars.entries()) {
    budget.steps -= states.length + 1;
    if (budget.steps < 0) throw new TrackerError('BAD_CONSTRAINT', 'its expressions take too long; make them simpler');
    const next: number[] = [];
    for (const state of states) {
      const instruction = pattern[state];
      if (instruction?.op === 'char' && instruction.accepts(char)) next.push(instruction.next);
    }
    if (next.length === 0) return false;
    states = statesFrom({ pattern, isIn, at: index + 1, end: chars.length }, next);
  }
  return states.some((state) => pattern[state]?.op === 'match');
}

interface Place {
  pattern: Pattern;
  /** At which character a state was last entered. */
  isIn: Int32Array;
  at: number;
  end: number;
}

/** Everything that is reached without reading a character. */
function statesFrom({ pattern, isIn, at, end }: Place, entered: readonly number[]): number[] {
  const stack = [...entered];
  const states: number[] = [];
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    if (isIn[state] === at) continue;
    isIn[state] = at;
    states.push(state);
    const instruction = pattern[state];
    if (instruction?.op === 'split') stack.push(instruction.next, instruction.other);
    else if (instruction?.op === 'start' && at === 0) stack.push(instruction.next);
    else if (instruction?.op === 'end' && at === end) stack.push(instruction.next);
  }
  return states;
}
