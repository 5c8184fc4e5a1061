import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder, testIo } from '../cli.testkit.ts';
import { isDiskFull, requireSpace } from './demo-place.ts';
import { runDemo } from './run-demo.ts';

afterEach(() => vi.unstubAllEnvs());

function stoppedRun(keep: boolean) {
  const folder = temporaryFolder();
  const io = testIo();
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) vi.stubEnv(name, folder);
  const options = { agents: 1, image: 'registry.test/a:1', bytesPerSecond: 1, keep, version: '1.2.3', io };
  return { folder, io, result: runDemo({ ...options, signal: AbortSignal.abort() }) };
}

describe('a demo that is stopped', () => {
  it('says so and leaves nothing', async () => {
    const { folder, io, result } = stoppedRun(false);
    await expect(result).rejects.toMatchObject({ code: 'INTERRUPTED', message: 'stopped by you.' });
    expect(readdirSync(folder)).toEqual([]);
    expect(io.err).toBe('');
  });

  it('says where its files are when they are to be kept', async () => {
    const { folder, io, result } = stoppedRun(true);
    await expect(result).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const [left] = readdirSync(folder);
    expect(io.err).toMatch(new RegExp(`^left in .*${left}\\n$`));
  });
});

describe('room for the demo', () => {
  it('is asked for before it is used, with what to do when there is too little', async () => {
    const tooMuch = { imageBytes: 1e15, copies: 1, agents: 100 };
    await expect(requireSpace(temporaryFolder(), tooMuch)).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringMatching(/TMPDIR.*--agents/),
    });
  });

  it.each([
    ['ENOSPC', true],
    ['SQLITE_FULL', true],
    ['EACCES', false],
  ])('is missing by the code of an error or of its cause: %s', (code, expected) => {
    const error = Object.assign(new Error('words'), { code });
    expect([isDiskFull(error), isDiskFull(new Error('outer', { cause: error }))]).toEqual([expected, expected]);
  });
});
