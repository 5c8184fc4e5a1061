import { describe, expect, it } from 'vitest';
import { createClosers } from './closers.ts';

describe('closers', () => {
  it('close what was opened last first, each once', async () => {
    const closed: string[] = [];
    const closers = createClosers();
    closers.add('store', (name) => void closed.push(name));
    closers.add('session', async (name) => void closed.push(name));
    await closers.closeAll();
    await closers.closeAll();
    expect(closed).toEqual(['session', 'store']);
  });

  it('go on behind one that fails, and say so', async () => {
    const closed: string[] = [];
    const closers = createClosers();
    closers.add('store', (name) => void closed.push(name));
    closers.add('session', () => {
      throw new Error('no');
    });
    await expect(closers.closeAll()).rejects.toThrow('no');
    expect(closed).toEqual(['store']);
  });
});
