import { describe, expect, it } from 'vitest';
import { Timeline } from './timeline.ts';

function runAll(time: Timeline, limitMs = Number.POSITIVE_INFINITY): void {
  while (time.step(limitMs));
}

describe('virtual time', () => {
  it('runs tasks in the order of their times, whatever the order they came in', () => {
    const time = new Timeline();
    const ran: number[] = [];
    for (const at of [30, 10, 50, 20, 40, 10]) time.at(at, () => ran.push(at));
    runAll(time);
    expect(ran).toEqual([10, 10, 20, 30, 40, 50]);
  });

  it('keeps the order of scheduling within one millisecond', () => {
    const time = new Timeline();
    const ran: string[] = [];
    time.at(5, () => ran.push('first'));
    time.at(4.2, () => ran.push('second'));
    time.at(5, () => time.after(0, () => ran.push('fourth')));
    time.at(5, () => ran.push('third'));
    runAll(time);
    expect(ran).toEqual(['first', 'second', 'third', 'fourth']);
    expect(time.now).toBe(5);
  });

  it('runs nothing in the past', () => {
    const time = new Timeline();
    const ranAt: number[] = [];
    time.at(10, () => time.at(3, () => ranAt.push(time.now)));
    runAll(time);
    expect(ranAt).toEqual([10]);
  });

  it('stops at its limit and leaves the rest', () => {
    const time = new Timeline();
    const ran: number[] = [];
    for (const at of [1, 2, 3]) time.at(at, () => ran.push(at));
    runAll(time, 2);
    expect([ran, time.now]).toEqual([[1, 2], 2]);
    runAll(time);
    expect(ran).toEqual([1, 2, 3]);
  });
});
