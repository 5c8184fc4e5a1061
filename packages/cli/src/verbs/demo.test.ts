import { describe, expect, it } from 'vitest';
import { run } from '../cli.testkit.ts';

describe('shoal demo', () => {
  it.each([
    [['--registry', 'http://127.0.0.1:5000'], '--registry goes with --image'],
    [['--image', 'Not A Reference'], 'Write it as docker pull takes it'],
    [['--image', 'a:1', '--registry', '127.0.0.1:5000'], 'an address such as'],
    [['--agents', '0'], 'a whole number from 1 to 100'],
  ])('is refused before anything starts when used wrongly: %j', async (args, says) => {
    const { code, out, err } = await run(['demo', ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});
