import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AgentStatus } from '../agent-status.ts';
import { NO_LIMITS } from '../bandwidth/bandwidth.testkit.ts';
import { EMPTY_CACHE } from '../cache/cache.testkit.ts';
import type { CacheDesk } from '../cache/cache-desk.ts';
import { temporaryFolder } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { CONTROL_TOKEN_FILE, openControlApi } from './control-api.ts';

const STATUS: AgentStatus = {
  ...{ name: 'host-1', peerId: 'ab'.repeat(20), version: '1.2.3', role: 'agent', peerPort: 7610, connections: 2 },
  tracker: { url: 'https://tracker.test:7600', state: 'connected' },
  ...{ closeReasons: { complete: 1 }, traffic: { sentBytes: 1, receivedBytes: 2, remoteBytes: 0, originBytes: 0 } },
  limits: NO_LIMITS,
  ...{ blobs: [], jobs: [], cache: EMPTY_CACHE },
};

async function api(dataDir = temporaryFolder(), port = 0) {
  const onStop = vi.fn();
  const status = () => STATUS;
  const cache = {} as CacheDesk; // cache-routes.test.ts has it
  const control = await openControlApi({ host: '127.0.0.1', port, dataDir, status, cache, onStop });
  onTestFinished(() => control.close());
  const token = readFileSync(join(dataDir, CONTROL_TOKEN_FILE), 'utf8');
  const ask = (method: string, path: string, authorization?: string) =>
    fetch(`http://127.0.0.1:${control.port}${path}`, { method, headers: authorization ? { authorization } : {} });
  return { ...control, dataDir, token, ask, onStop, bearer: `Bearer ${token}` };
}

describe('the control API', () => {
  it('shows the status to who has the token', async () => {
    const { ask, bearer } = await api();
    const answer = await ask('GET', '/v1/status', bearer);
    expect([answer.status, await answer.json()]).toEqual([200, STATUS]);
  });

  it('gives metrics to who has the token', async () => {
    const { ask, bearer } = await api();
    const answer = await ask('GET', '/metrics', bearer);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
    expect(await answer.text()).toContain('shoal_agent_connections 2\n');
    expect((await ask('GET', '/metrics')).status).toBe(401);
  });

  it('stops the agent once, after it has answered', async () => {
    const { ask, bearer, onStop } = await api();
    const answer = await ask('POST', '/v1/stop', bearer);
    expect([answer.status, await answer.json()]).toEqual([200, { stopping: true }]);
    await until('the stop', () => onStop.mock.calls.length === 1);
  });

  it.each([
    ['no token', undefined],
    ['another token', `Bearer ${'x'.repeat(43)}`],
    ['a token of another length', 'Bearer x'],
    ['another scheme', 'Basic eDp5'],
  ])('refuses %s, does nothing and says where the token is', async (_title, authorization) => {
    const { ask, onStop } = await api();
    for (const [method, path] of [
      ['GET', '/v1/status'],
      ['POST', '/v1/stop'],
    ] as const) {
      const answer = await ask(method, path, authorization);
      expect(answer.status).toBe(401);
      const body = (await answer.json()) as { error: { text: string } };
      expect(body).toMatchObject({ error: { code: 'UNAUTHORIZED', retryable: false } });
      expect(body.error.text).toContain(CONTROL_TOKEN_FILE);
      expect(JSON.stringify(body)).not.toContain('host-1');
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(onStop).not.toHaveBeenCalled();
  });

  it('refuses strangers before it says what paths there are', async () => {
    const { ask, bearer } = await api();
    expect((await ask('GET', '/nowhere')).status).toBe(401);
    expect((await ask('GET', '/nowhere', bearer)).status).toBe(404);
  });

  it('makes a new token at each start', async () => {
    const first = await api();
    await first.close();
    const second = await api(first.dataDir);
    expect(second.token).not.toBe(first.token);
    expect((await second.ask('GET', '/v1/status', first.bearer)).status).toBe(401);
  });

  it.runIf(process.platform !== 'win32')(
    'keeps its token from other accounts, also in a file that was open to them',
    async () => {
      const dataDir = temporaryFolder();
      writeFileSync(join(dataDir, CONTROL_TOKEN_FILE), 'old', { mode: 0o644 });
      await api(dataDir);
      expect(statSync(join(dataDir, CONTROL_TOKEN_FILE)).mode & 0o077).toBe(0);
    },
  );

  it('on a taken port is PORT_IN_USE and names the setting', async () => {
    const { port } = await api();
    const second = api(temporaryFolder(), port);
    await expect(second).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('control.port'),
    });
  });

  it('closes at once, also with a client that keeps its connection', async () => {
    const { ask, bearer, close } = await api();
    await (await ask('GET', '/v1/status', bearer)).text();
    await close();
    await expect(ask('GET', '/v1/status', bearer)).rejects.toThrow();
  });
});
