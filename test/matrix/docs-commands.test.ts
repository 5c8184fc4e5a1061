/**
 * The commands of the pages, typed word for word on a machine to throw away: the packages are installed, systemd starts
 * the daemons, the registry is harbor.example.com. A block that is not typed here says on its page that it is not run
 * (test/repo/commands.test.ts). Steps build on each other.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import { startFakeEngine } from '../../packages/agent/src/engine/fake-engine.testkit.ts';
import { slave, startMarathon, startMesos } from '../../packages/tracker/src/marathon/marathon.testkit.ts';
import { inlineOf, pages } from '../repo/commands.ts';
import { readText } from '../repo/source.ts';
import {
  AGENT_SETTINGS,
  CLONE,
  type DocsMachine,
  done,
  startDocsMachine,
  TRACKER,
  TRACKER_SETTINGS,
  type Typist,
  typistAt,
  writeSecrets,
  writeSettings,
} from '../support/docs-machine.ts';
import { MACHINE_TOOLS } from '../support/machine.ts';
import type { Service } from '../support/process.ts';
import { ROBOT } from '../support/token-service.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const OPERATIONS = 'docs/operations.md';
const NEXT_YEAR = `${new Date().getFullYear() + 1}-12-31`;
/** Lines of the blocks that other tests run: test/repo/commands.test.ts has the table. */
const ELSEWHERE = ['npm test'];
const TOOLS = [
  ...[...MACHINE_TOOLS, 'apt', 'runuser', 'script', 'curl'],
  ...['dockerd', 'docker', 'docker-registry', 'skopeo', 'podman', 'static-busybox'],
];

requireTools(TOOLS)('the commands of the pages', () => {
  let machine: DocsMachine;
  let typist: Typist;
  /** What the pages leave out: an operator's token. */
  let operator: Record<string, string>;

  beforeAll(async () => {
    machine = await startDocsMachine();
    typist = typistAt(machine, ELSEWHERE);
  });

  const shoal = (line: string, env = operator) => done(machine, `shoal ${line}`, { env });
  const jobs = async () => JSON.parse(await shoal('jobs --json')) as { id: string; state: string }[];
  const jobIn = async (...states: string[]) => {
    const found = (await jobs()).find(({ state }) => states.includes(state));
    if (found === undefined) throw new Error(`no job is ${states.join(' or ')}: ${JSON.stringify(await jobs())}`);
    return found.id;
  };
  const hosts = async () => JSON.parse(await shoal('hosts --json')) as { name: string; online: boolean }[];
  /** Also while the tracker is starting. */
  const isOnline = (name: string) =>
    waitFor(`${name} to be online`, async () =>
      (await hosts().catch(() => [])).some((host) => host.name === name && host.online),
    );
  /** A prompt wants a terminal. */
  const answering = (line: string) =>
    `printf '${ROBOT.username}\\n${ROBOT.password}\\n' | script -qec '${line}' /dev/null`;

  it('of the demo', async () => {
    const { stdout } = await typist.type('README.md', 'npm start', { cwd: CLONE });
    expect(stdout.join()).toMatch(/read from the origin/);
    expect(await done(machine, 'npm start -- --help', { cwd: CLONE })).toMatch(/--agents/);
  });

  it('that make the packages', async () => {
    for (const line of ['npm run package', 'npm run package -- --deb']) {
      expect(readText('README.md')).toContain(`\`${line}\``);
      await done(machine, line, { cwd: CLONE });
    }
    await done(machine, `cp ${CLONE}/dist-packages/* .`);
  });

  it('that install the tracker and the first host', async () => {
    const made = await typist.type('README.md', 'shoal-tracker', {
      after: {
        'apt install': async () => {
          const both = 'DNS:tracker.example.com,DNS:shoal.example.com';
          await typist.type(OPERATIONS, 'openssl req', { instead: { 'DNS:tracker.example.com': both } });
          await writeSecrets(machine);
          await writeSettings(machine, 'tracker', TRACKER_SETTINGS);
        },
      },
    });
    const token = made.stdout[1]?.trim() ?? '';
    operator = { SHOAL_TRACKER: TRACKER, SHOAL_TOKEN: token, SHOAL_CA: '/etc/shoal/ca.pem' };
    await typist.type('README.md', 'shoal-agent', {
      after: { 'apt install': () => writeSettings(machine, 'agent', AGENT_SETTINGS) },
    });
    await isOnline('web-1');
    expect(await done(machine, 'journalctl -u shoal-agent')).toMatch(/ready: peers on port/);
  });

  describe('with a host that joined by the archive', () => {
    beforeAll(async () => {
      const env = {
        ...{ SHOAL_NAME: 'web-17', SHOAL_LABELS: 'env=prod,pool=batch', SHOAL_DATA_DIR: '/var/lib/shoal-17' },
        ...{ SHOAL_EXIT: 'cache', SHOAL_PROXY_ENABLED: 'false', SHOAL_TRACKER_CA: '/etc/shoal/ca.pem' },
        ...{ SHOAL_PEER_PORT: '7612', SHOAL_CONTROL_PORT: '7622' },
      };
      await typist.type('README.md', 'tar -xzf', { env });
      await isOnline('web-17');
    });

    it('of an operator', async () => {
      const { stdout } = await typist.type('README.md', 'export SHOAL_TRACKER', {
        env: { SHOAL_CA: '/etc/shoal/ca.pem' },
        instead: { 'SHOAL_TOKEN=…': `SHOAL_TOKEN=${operator.SHOAL_TOKEN}` },
      });
      expect(stdout[1]).toMatch(/web-1 .*\n(.*\n)*.*web-17 /);
      expect(await imageId('harbor.example.com/team/app:2')).toBe(machine.image.config.digest);
    });

    it('of docs/operations.md about a host and its jobs', async () => {
      for (let count = 0; count < 2; count += 1) await typist.type(OPERATIONS, '--hosts pool=batch', { env: operator });
      const instead = { '4f1c2a9b7d3e5a60': () => jobIn('done') };
      const { stdout } = await typist.type(OPERATIONS, 'shoal logs', { env: operator, instead });
      expect(stdout[0]).toMatch(/web-1/);
      await typist.type(OPERATIONS, 'shoal doctor', { env: operator });
      const tokenId = async (name: string) => {
        const tokens = await done(machine, 'runuser -u shoal -- shoal token list --json');
        return (JSON.parse(tokens) as { id: string; name: string }[]).find((one) => one.name === name)?.id ?? '';
      };
      const tokens = await typist.type(OPERATIONS, 'fleet-2027', {
        instead: { '4f1c2a9b7d3e': () => tokenId('fleet-2027') },
      });
      expect(tokens.stdout[1]).toMatch(/fleet-2027/);
      expect(await tokenId('fleet-2027')).toBe('');
    });

    it('of docs/prewarm.md, with a host of Windows', async () => {
      const engine = await startFakeEngine({ answers: WINDOWS });
      await machine.letIn('/run/windows.sock', { path: engine.address.replace('unix://', '') });
      let windows = await startWindowsHost('env=prod');
      const env = operator;
      const { stdout } = await typist.type('docs/prewarm.md', 'shoal hosts --image', { env });
      expect(stdout[0]).toMatch(/win-1 .*10\.0\.20348/);
      await typist.type('docs/prewarm.md', 'shoal wait', {
        env,
        after: {
          // It would never have the image for Linux that the next line is about.
          'win/servercore': async () => {
            await windows.stop();
            windows = await startWindowsHost('env=fat');
          },
        },
        instead: {
          '5f2c… --watch': async () => `${await jobIn('done')} --watch`,
          '5f2c… pause': async () => `${await jobIn('scheduled')} pause`,
          '2027-01-31': NEXT_YEAR,
        },
      });
      await windows.stop();
      await forget('win-1');
    });

    it('of docs/cache.md', async () => {
      const { stdout } = await typist.type('docs/cache.md', 'shoal cache ls');
      expect(stdout[0]).toMatch(/sha256:/);
    });

    it('of docs/proxy.md, first with an account', async () => {
      const terminal = { 'docker login localhost:7620': answering('docker login localhost:7620') };
      await typist.type('docs/proxy.md', 'docker login', { instead: terminal });
      await typist.type('docs/proxy.md', 'docker pull');
      expect(await imageId('localhost:7620/team/app:1')).toBe(machine.image.config.digest);
      const login = 'podman login --tls-verify=false 127.0.0.1:7620/harbor.example.com';
      await typist.type('docs/proxy.md', 'podman login', { instead: { [login]: answering(login) } });
    });

    it('of shoal setup, to the last of the old files', async () => {
      const before = await machine.read('/etc/docker/daemon.json');
      const { stdout } = await typist.type('docs/proxy.md', 'shoal setup', {
        after: { 'setup podman': () => machine.read('/etc/containers/registries.conf.d/shoal.conf') },
      });
      expect(stdout[0]).toMatch(/^--- .*\n\+\+\+ /);
      expect(await machine.read('/etc/docker/daemon.json')).toBe(before);
    });

    it('about Marathon', async () => {
      const [marathon, mesos] = await Promise.all([startMarathon(), startMesos(slave('web-1'), slave('web-17'))]);
      const app = webApp();
      marathon.apps.set(app.id, app);
      await machine.letIn('8080', { port: Number(new URL(marathon.url).port) });
      await machine.letIn('5050', { port: Number(new URL(mesos.url).port) });
      await machine.write('/root/web.json', JSON.stringify(app));
      const urls = { url: 'http://marathon.example.com:8080', mesos: 'http://mesos.example.com:5050' };
      await writeSettings(machine, 'tracker', { ...TRACKER_SETTINGS, marathon: [urls] });
      await done(machine, 'systemctl restart shoal-tracker');
      for (const name of ['web-1', 'web-17']) await isOnline(name);
      const env = { ...operator, CURL_CA_BUNDLE: '/etc/shoal/ca.pem' };
      await typist.type(OPERATIONS, '--marathon-app', { env });
      expect(marathon.asked).toContain('PUT /v2/apps/shop/web');
      const { stdout } = await typist.type(OPERATIONS, '/v1/marathon/prewarm', { env });
      const { jobs: made, ...rest } = JSON.parse(stdout[0] ?? '') as { jobs: { id: string; counts: object }[] };
      expect(made).toMatchObject([{ counts: { hosts: 2 } }]);
      expect(rest).toEqual({ skipped: [], failed: [], withoutAgent: [] });
      await waitFor('its job to be done', async () =>
        (await jobs()).some(({ id, state }) => id === made[0]?.id && state === 'done'),
      );
    });

    it('of docs/troubleshooting.md, after an engine that was away', async () => {
      await done(machine, 'systemctl stop docker.socket docker');
      const order = 'prewarm harbor.example.com/team/private:1 --hosts web-1 --wait';
      const { code } = await machine.sh(`shoal ${order}`, { env: operator });
      expect(code).toBe(1);
      await done(machine, 'systemctl start docker');
      const line = 'shoal job ID retry';
      expect(inlineOf('docs/troubleshooting.md').map(({ text }) => text)).toContain(line);
      const id = await jobIn('failed');
      await shoal(line.replace('shoal ', '').replace('ID', id));
      await shoal(`job ${id} --watch`);
    });

    it('of docs/cache.md about an image that is held', async () => {
      const name = 'harbor.example.com/team/app:1';
      await shoal(`prewarm ${name} --hosts web-1 --keep-until ${NEXT_YEAR} --wait`);
      const line = 'shoal cache rm IMAGE-ID';
      expect(inlineOf('docs/cache.md').map(({ text }) => text)).toContain(line);
      await done(machine, line.replace('IMAGE-ID', await imageId(name)));
    });

    it('about the bandwidth policy', async () => {
      const [, policy = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(readText('docs/policy.md') ?? '') ?? [];
      await machine.write('/root/bandwidth.yaml', policy);
      const { stdout } = await typist.type('docs/policy.md', 'shoal policy', { env: operator });
      expect(stdout[0]).toMatch(/right, 6 rules/);
      expect(stdout[3]).toMatch(/1 /);
    });

    it('that stand in the text', async () => {
      const lines = [
        ...new Set(
          pages()
            .flatMap((page) => inlineOf(page))
            .map(({ text }) => text),
        ),
      ].filter(isWhole);
      expect(lines.length).toBeGreaterThan(20);
      const failed: string[] = [];
      for (const line of lines) {
        const { code, stderr } = await machine.sh(await filledIn(line), { env: operator });
        if (code !== 0) failed.push(`${line}: ${code} ${stderr}`);
      }
      expect(failed).toEqual([]);
    });
  });

  it('about a backup', async () => {
    await done(machine, 'mkdir -p /srv/backup');
    await typist.type(OPERATIONS, 'shoal backup');
    await done(machine, 'systemctl stop shoal-tracker');
    await typist.type(OPERATIONS, 'shoal restore');
    await done(machine, 'chown shoal: /var/lib/shoal/tracker/* && systemctl start shoal-tracker');
    await isOnline('web-1');
  });

  it('by hand', async () => {
    const cwd = '/root/hand';
    await done(machine, `systemctl stop shoal-agent shoal-tracker && mkdir ${cwd} && cp /etc/shoal/ca.pem ${cwd}`);
    const change = async (name: string, edit: (text: string) => string) =>
      machine.write(`${cwd}/${name}`, edit(await machine.read(`${cwd}/${name}`)));
    const own = {
      dataDir: `${cwd}/tracker`,
      registries: TRACKER_SETTINGS.registries,
      seeder: { dataDir: `${cwd}/seeder` },
    };
    const tracker = await typist.type(OPERATIONS, 'shoal tracker', {
      ...{ cwd, env: { SHOAL_TLS_CA: 'ca.pem' } },
      after: { '--sample': () => change('tracker.yaml', (text) => text + yamlOf(own)) },
    });
    const [, admin = '', join = ''] = tracker.stdout.map((text) => text.trim());
    await machine.write(`${cwd}/join.token`, join, 0o600);
    await typist.type(OPERATIONS, 'shoal agent', {
      ...{ cwd, instead: { 'agent --config agent.yaml': 'agent --config agent.yaml --peer-port 7611' } },
      after: {
        '--sample': () =>
          change('agent.yaml', (text) =>
            text
              .replace('https://shoal.example.com:7600', TRACKER)
              .replace('/etc/shoal/join.token', 'join.token\n  ca: ca.pem')
              .concat(yamlOf({ dataDir: `${cwd}/agent` })),
          ),
      },
    });
    const { stdout } = await typist.type(OPERATIONS, 'export SHOAL_TRACKER', {
      ...{ cwd, instead: { 'SHOAL_TOKEN=…': `SHOAL_TOKEN=${admin}` } },
    });
    expect(stdout[1]).toMatch(/web-1 /);
  });

  it('of every block that is not marked as not run', () => {
    expect(typist.left()).toEqual([]);
  });

  async function startWindowsHost(labels: string): Promise<Service> {
    const env = {
      ...{ SHOAL_NAME: 'win-1', SHOAL_LABELS: labels, SHOAL_ENGINE_ADDRESS: 'unix:///run/windows.sock' },
      ...{ SHOAL_DATA_DIR: '/var/lib/shoal-win', SHOAL_TRACKER_CA: '/etc/shoal/ca.pem', SHOAL_PROXY_ENABLED: 'false' },
      ...{ SHOAL_PEER_PORT: '7613', SHOAL_CONTROL_ENABLED: 'false' },
    };
    const service = machine.start('exec shoal agent', { env });
    await service.line(/ready: peers on port/);
    await waitFor(`win-1 with ${labels}`, async () =>
      JSON.stringify(await hosts()).includes(labels.replace('=', '":"')),
    );
    return service;
  }

  /** What stands for something else in a line of text. */
  async function filledIn(line: string): Promise<string> {
    if (line.endsWith(' cancel')) await shoal(`prewarm harbor.example.com/team/app:1 --at ${NEXT_YEAR}`);
    const id = await jobIn(line.endsWith(' cancel') ? 'scheduled' : 'done');
    return line.replace(' NAME', ' somebody').replace(/ ID\b/, ` ${id}`);
  }

  /** Orders for all hosts would wait for it. */
  async function forget(name: string): Promise<void> {
    await shoal(`hosts --forget ${name}`);
  }

  async function imageId(name: string): Promise<string> {
    return (await done(machine, `docker image inspect --format '{{.Id}}' ${name}`)).trim();
  }
});

/** As an Engine on Windows Server 2022 tells of itself. */
const answerWith = (body: object) => (_: IncomingMessage, response: ServerResponse) =>
  void response.end(JSON.stringify(body));
const WINDOWS = {
  '/version': answerWith({ Version: '20.10.24', ApiVersion: '1.41', Os: 'windows', Arch: 'amd64' }),
  '/info': answerWith({ DriverStatus: [['Windows', '']], OSVersion: '10.0.20348.2113' }),
};

/** JSON is YAML, and a key a line may stand at the end of a file. */
function yamlOf(keys: object): string {
  return Object.entries(keys)
    .map(([key, value]) => `\n${key}: ${JSON.stringify(value)}\n`)
    .join('');
}

function webApp() {
  const docker = { image: 'harbor.example.com/team/app:2', forcePullImage: false };
  const constraints = [['hostname', 'LIKE', 'web-.*']];
  return {
    id: '/shop/web',
    version: '1',
    instances: 2,
    cpus: 0.1,
    mem: 32,
    constraints,
    container: { type: 'DOCKER', docker },
  };
}

/** A command of ours that ends by itself, not only named, and with no test of its own here. */
function isWhole(text: string): boolean {
  return text.startsWith('shoal ') && !NOT_WHOLE.test(text);
}

const NOT_WHOLE =
  /^shoal (token|token revoke|policy check|hosts --forget NAME|(tracker|agent) --event-log|tracker --seeder|stop|restore|simulate|prewarm|backup|setup|prewarm --marathon-app FILE|cache rm IMAGE-ID|job ID retry)$/;
