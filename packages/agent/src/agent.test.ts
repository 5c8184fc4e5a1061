import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentWith, NOWHERE, optionsFor } from './agent.testkit.ts';
import { startAgent } from './agent.ts';
import { temporaryFolder } from './store/store.testkit.ts';
import { until } from './wait.testkit.ts';

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

describe('an agent that cannot start', () => {
  it.each([
    ['peer', async () => ({ peer: { host: '127.0.0.1', port: await takenPort() } })],
    ['control', async () => ({ control: { host: '127.0.0.1', port: await takenPort() } })],
  ])('as its %s port is taken says PORT_IN_USE and leaves its folder free', async (_title, changes) => {
    const dataDir = temporaryFolder();
    await expect(startAgent(optionsFor({ dataDir, ...(await changes()) }))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    expect(existsSync(join(dataDir, 'blobs', 'lock'))).toBe(false);
    const agent = await agentWith({ dataDir });
    expect(agent.status().peerPort).toBeGreaterThan(0);
  });
});

it('an agent keeps its identity over restarts, and its key from other accounts', async () => {
  const dataDir = temporaryFolder();
  const first = await agentWith({ dataDir });
  await first.stop();
  const second = await agentWith({ dataDir });
  expect(second.peerId).toBe(first.peerId);
  expect(readFileSync(join(dataDir, 'identity.pem'), 'utf8')).toContain('PRIVATE KEY');
});

it('an agent without a tracker runs, says so, and stops once, by whoever asks', async () => {
  const agent = await agentWith();
  await until('the failed session', () => agent.status().tracker.state === 'disconnected');
  expect(agent.status()).toMatchObject({ name: 'host', blobs: [], jobs: [], limits: { policyVersion: 0 } });
  await Promise.all([agent.stop(), agent.stop()]);
  expect(await agent.stopped).toBeUndefined();
});

it('a process whose agent has stopped ends by itself: nothing is left open', async () => {
  const { resolve } = createRequire(import.meta.url);
  const script = join(temporaryFolder(), 'agent.mjs');
  const source = `
    import { startAgent } from '${pathToFileURL(resolve('@shoal/agent'))}';
    import pino from '${pathToFileURL(resolve('pino'))}';
    const agent = await startAgent({
      dataDir: ${JSON.stringify(temporaryFolder())}, name: 'a', version: '1', labels: {},
      tracker: ${JSON.stringify(NOWHERE)}, peer: { host: '127.0.0.1', port: 0 },
      control: { host: '127.0.0.1', port: 0 }, exit: { kind: 'cache' },
      limits: { uploadBytesPerSecond: 1e6, downloadBytesPerSecond: 1e6 }, logger: pino({ level: 'silent' }),
    });
    await agent.stop();
    process.stdout.write('stopped');
  `;
  writeFileSync(script, source);
  const child = spawn(process.execPath, [script]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect([code, said]).toEqual([0, 'stopped']);
});
