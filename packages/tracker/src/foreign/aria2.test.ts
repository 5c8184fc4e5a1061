/* The real aria2 with our torrent and our tracker. Left out, with a line that says so, where it is not installed. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../tracker.testkit.ts';
import { BLOB, holding, type TestTorrent } from './foreign.testkit.ts';

const isThere = spawnSync('aria2c', ['--version']).status === 0;
if (!isThere) {
  if (process.env.CI === 'true') throw new Error('CI=true and missing: aria2c');
  process.stderr.write('left out, missing: aria2c\n');
}

describe.runIf(isThere)('aria2', () => {
  it('reads the torrent as we mean it', async () => {
    const { torrent } = await holding();
    const made = await torrent();
    const { stdout, status } = spawnSync('aria2c', ['--no-conf', '--show-files', fileOf(made)], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain(`Info Hash: ${made.infoHash}`);
    expect(stdout).toContain(made.announceUrl);
    expect(stdout).toContain('Piece Length: 256KiB');
    expect(stdout).toContain('The Number of Pieces: 4');
    expect(stdout).toContain('(1,000,000)');
    expect(stdout).toContain(`Comment: ${BLOB}`);
    expect(stdout).toContain(`Name: ${BLOB.replace(':', '-')}`);
  });

  it('is listed while it runs, and no longer when it has stopped', async () => {
    const { agent, torrent } = await holding();
    const made = await torrent();
    expect((await agent.next('foreign')).peers).toEqual([]);
    const aria2 = spawn('aria2c', ['--no-conf', `--dir=${temporaryFolder()}`, '--enable-dht=false', fileOf(made)]);
    onTestFinished(() => void aria2.kill('SIGKILL'));
    aria2.stdout.resume();
    expect((await agent.next('foreign')).peers).toEqual([{ host: '127.0.0.1', port: expect.any(Number) }]);
    aria2.kill('SIGINT');
    expect((await agent.next('foreign')).peers).toEqual([]);
  });
});

function fileOf({ bytes }: TestTorrent): string {
  const file = join(temporaryFolder(), 'blob.torrent');
  writeFileSync(file, bytes);
  return file;
}
