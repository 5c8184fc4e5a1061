/** The daemons as processes: what they print, how they end. Runs what `tsc -b` built. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { startTestTracker } from '../tracker.testkit.ts';

const SHOAL = fileURLToPath(new URL('../../bin/shoal.js', import.meta.url));

interface Started {
  child: ChildProcess;
  out: string;
  err: string;
  /** Resolves when stderr has this; rejects when the process ends before. */
  says(text: RegExp): Promise<RegExpExecArray>;
  ended: Promise<number | null>;
}

function start(args: string[], env: Record<string, string> = {}): Started {
  const cwd = temporaryFolder();
  // Not the machine's own settings: a Shoal may be installed there.
  const empty = fileIn(cwd, 'empty.yaml', '{}');
  const own = { SHOAL_TRACKER_CONFIG: empty, SHOAL_AGENT_CONFIG: empty };
  const child = spawn(process.execPath, [SHOAL, ...args], { env: { ...process.env, ...own, ...env }, cwd });
  const started: Started = {
    ...{ child, out: '', err: '' },
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = text.exec(started.err);
          if (found) resolve(found);
        };
        child.stderr?.on('data', look);
        child.once('close', () => reject(new Error(`ended before it said ${text}: ${started.err}`)));
        look();
      }),
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
  child.stdout?.on('data', (chunk) => {
    started.out += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    started.err += String(chunk);
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await started.ended;
  });
  return started;
}

/** Windows has no SIGTERM: there the process just ends, and the agent is stopped over its control API. */
const ENDED_BY_SIGTERM = process.platform === 'win32' ? null : 0;
const insecureTracker = (...more: string[]) => [
  ...['tracker', '--insecure', '--data-dir', 'tracker', '--listen-host', '127.0.0.1', '--listen-port', '0', ...more],
];

describe('shoal tracker', () => {
  it('says where it is ready, logs JSON lines on stdout, and stops in order on SIGTERM', async () => {
    const tracker = start(insecureTracker('--seeder', '--seeder-peer-port', '0'));
    const [, url = ''] = await tracker.says(/^shoal tracker ready at (http:\S+) .* with a seeder on port \d+\n/m);
    const health = await fetch(`${url}/healthz`);
    expect(health.status).toBe(200);
    tracker.child.kill('SIGTERM');
    expect(await tracker.ended).toBe(ENDED_BY_SIGTERM);
    const events = tracker.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    expect(events).toContain('ready');
    if (ENDED_BY_SIGTERM === 0) expect(events.at(-1)).toBe('stopped');
    expect(tracker.out).not.toMatch(/shoal_(admin|reader|agent|seeder)_/);
  });

  it('follows the Marathon of its config with the account of the file, and stops while it does', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      if (!request.url?.startsWith('/m/v2/events')) response.end('{"apps":[]}');
      else response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      if (asked.length === 4) tracker.child.kill('SIGTERM');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const cwd = temporaryFolder();
    const { port } = server.address() as AddressInfo;
    fileIn(cwd, 'token', 'n0t-for-the-log\n');
    const yaml = `marathon: [{ url: "http://127.0.0.1:${port}/m/", tokenFile: token }]`;
    const tracker = start(insecureTracker('--config', fileIn(cwd, 'tracker.yaml', yaml)));
    expect(await tracker.ended).toBe(ENDED_BY_SIGTERM);
    const paths = asked.map((one) => one.replace(/\?\S*/, ''));
    const token = 'token=n0t-for-the-log';
    expect(paths).toEqual(['events', 'apps', 'pods', 'deployments'].map((path) => `/m/v2/${path} ${token}`));
    expect(tracker.out).toContain('following the deployments of Marathon');
    expect(tracker.out + tracker.err).not.toContain('n0t-for-the-log');
  });

  it('keeps one token for its embedded seeder, however often it starts', async () => {
    const cwd = temporaryFolder();
    const args = insecureTracker('--seeder', '--seeder-peer-port', '0');
    args[args.indexOf('--data-dir') + 1] = cwd;
    for (let time = 1; time <= 2; time++) {
      const tracker = start(args);
      await tracker.says(/ready/);
      tracker.child.kill('SIGTERM');
      await tracker.ended;
    }
    const { out } = await run(['token', 'list', '--json', '--data-dir', cwd]);
    expect(JSON.parse(out)).toMatchObject([{ role: 'seeder', name: 'embedded seeder' }]);
  });

  it('ends with 1 when its port is taken, and names it', async () => {
    const { tracker } = await startTestTracker();
    const args = insecureTracker();
    args[args.indexOf('--listen-port') + 1] = String(tracker.port);
    const second = start(args);
    expect(await second.ended).toBe(1);
    expect(second.err).toContain(`127.0.0.1:${tracker.port} is taken by another program; set listen.port`);
  });

  it('ends with 2 on faults in its settings', async () => {
    const file = fileIn(temporaryFolder(), 'tracker.yaml', 'insecure: true\nlisten: { prot: 1 }');
    const tracker = start(['tracker', '--config', file]);
    expect(await tracker.ended).toBe(2);
    expect(tracker.err).toContain(`${file}:2:11: listen.prot is not a known key; did you mean port?`);
    expect(tracker.out).toBe('');
  });
});

describe('shoal agent', () => {
  const agentArgs = (url: string) => [
    ...['agent', '--tracker-url', url, '--data-dir', 'agent', '--exit', 'cache'],
    ...['--peer-host', '127.0.0.1', '--peer-port', '0', '--control-port', '0', '--name', 'web-1'],
  ];

  it('says that it is ready, and stops in order on SIGTERM', async () => {
    const { tracker } = await startTestTracker();
    const token = tracker.createToken('agent', 'web-1');
    const agent = start(agentArgs(tracker.url), { SHOAL_TRACKER_TOKEN: token });
    await agent.says(/^shoal agent web-1 ready: peers on port \d+, control API on port \d+, tracker http/m);
    agent.child.kill('SIGTERM');
    expect(await agent.ended).toBe(ENDED_BY_SIGTERM);
    expect(agent.out + agent.err).not.toContain(token);
  });

  it('stops in order by shoal stop, with an exit code of 0, and then there is none to stop', async () => {
    const { tracker } = await startTestTracker();
    const dataDir = join(temporaryFolder(), 'agent');
    const args = agentArgs(tracker.url);
    args[args.indexOf('--data-dir') + 1] = dataDir;
    const agent = start(args, { SHOAL_TRACKER_TOKEN: tracker.createToken('agent', 'web-1') });
    const [, port = ''] = await agent.says(/control API on port (\d+)/);
    const stop = () => run(['stop', '--data-dir', dataDir, '--control-port', port]);
    expect(await stop()).toMatchObject({ code: 0, out: 'stopped\n' });
    expect(await agent.ended).toBe(0);
    expect(agent.out).toContain('agent stopped');
    expect(await stop()).toMatchObject({ code: 0, out: 'no agent runs here\n' });
  });

  it('ends with 1 when the tracker refuses its token, and says what to do', async () => {
    const { tracker } = await startTestTracker();
    const agent = start(agentArgs(tracker.url), { SHOAL_TRACKER_TOKEN: 'shoal_agent_wr0ng' });
    expect(await agent.ended).toBe(1);
    expect(agent.err).toMatch(/the tracker refused this agent: .*shoal token create --role agent/);
    expect(agent.out + agent.err).not.toContain('wr0ng');
  });

  it('ends with 1 when its peer port is taken', async () => {
    const { tracker } = await startTestTracker();
    const args = agentArgs(tracker.url);
    args[args.indexOf('--peer-port') + 1] = String(tracker.port);
    const agent = start(args, { SHOAL_TRACKER_TOKEN: 'any' });
    expect(await agent.ended).toBe(1);
    expect(agent.err).toMatch(/^shoal: .*taken.*peer\.port/m);
  });
});

describe('the command', () => {
  it.each([
    [['version'], 0],
    [['--version'], 0],
    [['--help'], 0],
    [['prewarm', '--help'], 0],
    [[], 2],
    [['swim'], 2],
    [['version', '--loud'], 2],
    [['token', 'list', '--data-dir', 'none'], 1],
  ])('%j ends with %d', async (args, code) => {
    expect(await start(args).ended).toBe(code);
  });

  it('tells version, Node and platform', async () => {
    const { out } = await run(['version', '--json']);
    expect(JSON.parse(out)).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.versions.node,
      platform: expect.stringContaining(process.platform),
    });
  });

  it('tells wrong usage as an object with --json', async () => {
    const { code, out, err } = await run(['jobs', '--json', '--loud']);
    expect({ code, err }).toEqual({ code: 2, err: '' });
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'WRONG_USAGE',
        text: `unknown option '--loud'. "shoal jobs --help" shows how it is used.`,
        retryable: false,
        source: 'shoal',
      },
    });
  });
});
