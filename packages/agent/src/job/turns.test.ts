import { describe, expect, it } from 'vitest';
import { createGate } from '../wait.testkit.ts';
import { type Task, Turns, type TurnsOptions } from './turns.ts';

/** Names in the order they started; `end` lets one finish. */
function turnsOf(options: TurnsOptions) {
  const turns = new Turns(options);
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const ends = new Map<string, Promise<unknown>>();
  return {
    started,
    add(name: string, task: Task): void {
      const gate = createGate();
      gates.set(name, gate.open);
      const run = turns.run(task, async () => {
        started.push(name);
        await gate.opened;
        if (name.startsWith('bad')) throw new Error(name);
      });
      ends.set(
        name,
        run.catch(() => {}),
      );
    },
    async end(name: string): Promise<void> {
      gates.get(name)?.();
      await ends.get(name);
      await Promise.resolve();
    },
  };
}

const warm = { class: 'prewarm' } as const;
const pull = { class: 'pull' } as const;

describe('turns', () => {
  it('are so many at once, and the next starts when one ends, even badly', async () => {
    const { add, end, started } = turnsOf({ most: 2 });
    for (const name of ['bad', 'b', 'c']) add(name, warm);
    await Promise.resolve();
    expect(started).toEqual(['bad', 'b']);
    await end('bad');
    expect(started).toEqual(['bad', 'b', 'c']);
  });

  it('go to pulls before pre-warms that came earlier', async () => {
    const { add, end, started } = turnsOf({ most: 1 });
    add('a', warm);
    add('b', warm);
    add('p', pull);
    for (const name of ['a', 'p', 'b']) await end(name);
    expect(started).toEqual(['a', 'p', 'b']);
  });

  it('go to the higher priority, then to the earlier deadline, then to who came first', async () => {
    const { add, end, started } = turnsOf({ most: 1 });
    add('first', warm);
    add('late', { ...warm, byMs: 200 });
    add('plain', warm);
    add('soon', { ...warm, byMs: 100 });
    add('low', { ...warm, byMs: 1, priority: -1 });
    add('high', { ...warm, priority: 1 });
    const order = ['first', 'high', 'soon', 'late', 'plain', 'low'];
    for (const name of order) await end(name);
    expect(started).toEqual(order);
  });

  it('are as many as memory allows: few large ones or many small ones', async () => {
    const { add, end, started } = turnsOf({ most: 10, mostBytes: 100 });
    for (const name of ['a', 'b', 'c', 'd']) add(name, { ...warm, bytes: 50 });
    for (const name of ['e', 'f']) add(name, { ...warm, bytes: 10 });
    await Promise.resolve();
    expect(started).toEqual(['a', 'b']);
    await end('a');
    await end('b');
    await end('c');
    expect(started).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('let one that is larger than all memory run alone', async () => {
    const { add, end, started } = turnsOf({ most: 10, mostBytes: 100 });
    add('small', { ...warm, bytes: 1 });
    add('huge', { ...warm, bytes: 1000 });
    await Promise.resolve();
    expect(started).toEqual(['small']);
    await end('small');
    expect(started).toEqual(['small', 'huge']);
  });
});
