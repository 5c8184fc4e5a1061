import { describe, expect, it } from 'vitest';
import { createPipe, pass } from './network.ts';

describe('a pipe', () => {
  it('passes bytes at its rate, one after the other', () => {
    const pipe = createPipe(1000);
    pipe.freeAt = 100;
    expect(pass(pipe, 500, 100)).toBe(600);
    expect(pass(pipe, 500, 100)).toBe(1100);
    expect(pipe.bytes).toBe(1000);
  });

  it('adds nothing to what came slower than it could go', () => {
    const pipe = createPipe(1000);
    expect(pass(pipe, 10, 50)).toBe(50);
    expect(pass(pipe, 10, 100)).toBe(100);
  });

  it('lets one block pass early after a rest, never two', () => {
    const pipe = createPipe(1000);
    expect(pass(pipe, 1000, 5000)).toBe(5000);
    expect(pass(pipe, 1000, 5000)).toBe(6000);
  });

  it('as fast as one can think holds nothing up', () => {
    expect(pass(createPipe(Number.POSITIVE_INFINITY), 1e12, 7)).toBe(7);
  });
});
