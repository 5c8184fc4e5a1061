/**
 * The Debian package under systemd as PID 1: a machine that boots has Debian's Engine and registry as services, and gets
 * Shoal as README.md says. What systemd promises for the units is asked of the running daemons. Steps build on each other.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostView, JobView } from '@shoal/tracker/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { makeImage } from '../support/image.ts';
import { bootMachine, MACHINE_TOOLS, type Machine } from '../support/machine.ts';
import { machineState, makePackage } from '../support/package.ts';
import type { CommandResult } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const NEXT = '0.1.0+next';
const REGISTRY = '127.0.0.1:5000';
const UNITS = ['shoal-tracker', 'shoal-agent'];
const TOOLS = [...MACHINE_TOOLS, 'dpkg', 'systemd-analyze', 'dockerd', 'docker', 'docker-registry', 'skopeo'];
const URL_OF_TRACKER = 'https://127.0.0.1:7600';
const JOB_MS = 120_000;

requireTools([...TOOLS, 'static-busybox'])('the Debian package under systemd', () => {
  let machine: Machine;
  let before: string[];

  beforeAll(async () => {
    machine = await bootMachine();
    await startNeighbours();
    for (const args of [['--deb'], ['--deb', '--version', NEXT]])
      await cp(await makePackage(...args), join(machine.srv, `${args[2] ?? 'first'}.deb`));
    for (const tag of [1, 2, 3]) await push(tag);
    before = await machineState(machine.run);
  });

  it('installs units that are off', async () => {
    await machine.run('dpkg', '--install', '/srv/first.deb');
    for (const unit of UNITS)
      expect(await properties(unit, 'LoadState', 'UnitFileState', 'ActiveState')).toEqual({
        ...{ LoadState: 'loaded', UnitFileState: 'disabled', ActiveState: 'inactive' },
      });
  });

  it('turned on as README.md says, brings an image into the Engine', async () => {
    await configure();
    await machine.run('systemctl', 'enable', '--now', ...UNITS);
    await waitFor('the agent', async () => (await isOnline('0.1.0')) && shoal('status').then(isTrue, () => false));
    await shoal('prewarm', `${REGISTRY}/team/app:1`, '--wait');
    expect(await printed(1)).toBe('image 1\n');
  });

  it.each([
    ['root', 'ok'],
    // The group that may use the Engine is its service's.
    ['shoal', 'warning'],
  ])('is found well by shoal doctor, run as %s', async (account, engine) => {
    const { code, stdout } = await machine.attempt('runuser', '-u', account, '--', 'shoal', 'doctor');
    expect(stdout).toMatch(new RegExp(`^engine +${engine} `, 'm'));
    expect(code, stdout).toBe(0);
  });

  describe('a daemon', () => {
    it.each(UNITS)('%s runs as shoal, without capabilities, behind a filter of calls', async (unit) => {
      const status = await machine.run('cat', `/proc/${await mainPid(unit)}/status`);
      const [uid, gid, docker] = await Promise.all([id('-u', 'shoal'), id('-g', 'shoal'), groupId('docker')]);
      const value = (key: string) => new RegExp(`^${key}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1]?.split(/\s+/);
      expect(value('Uid')).toEqual([uid, uid, uid, uid]);
      expect(value('Gid')).toEqual([gid, gid, gid, gid]);
      expect(value('Groups')?.includes(docker)).toBe(unit === 'shoal-agent');
      for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb']) expect(value(set)).toEqual(['0000000000000000']);
      expect([value('NoNewPrivs'), value('Seccomp')]).toEqual([['1'], ['2']]);
      const score = await machine.run('systemd-analyze', 'security', '--no-pager', unit);
      process.stderr.write(`${score.trim().split('\n').at(-1)}\n`);
    });

    it.each(UNITS)('%s may write to its data and nowhere else', async (unit) => {
      for (const path of ['/etc/shoal', '/usr/lib/shoal', '/var/lib', '/home', '/run', '/sys/fs/cgroup'])
        expect(await inItsPlace(unit, 'touch', `${path}/written`), path).toMatchObject({ code: 1 });
      // Nor root, if it got there: the file systems are not its own to write.
      expect((await beside(unit, 'touch', '/etc/shoal/written')).stderr).toMatch(/Read-only file system/);
      expect(await inItsPlace(unit, 'sh', '-c', 'touch /var/lib/shoal/x && rm /var/lib/shoal/x')).toMatchObject({
        code: 0,
      });
      expect((await inItsPlace(unit, 'ls', '/dev')).stdout).not.toMatch(/\b(kmsg|mem|sda|vda)\b/);
      expect((await inItsPlace(unit, 'ls', '/proc/1')).code).not.toBe(0);
    });

    it.each([
      ['shoal-tracker', 4 * 2 ** 30, -200],
      ['shoal-agent', 2 ** 30, 200],
    ])('%s has the limits of its unit', async (unit, memoryBytes, oomScore) => {
      const pid = await mainPid(unit);
      expect(await openFiles(pid)).toBe(Math.min(65536, (await mayRaise()) ? Infinity : await openFiles('1')));
      expect(await numberIn(`/proc/${pid}/oom_score_adj`)).toBe(
        (await mayRaise()) ? oomScore : Math.max(oomScore, await numberIn('/proc/1/oom_score_adj')),
      );
      expect(await ofItsGroup(pid, 'memory', ['memory.max', 'memory.limit_in_bytes'])).toBe(String(memoryBytes));
      expect(await ofItsGroup(pid, 'pids', ['pids.max', 'pids.max'])).toBe('256');
    });

    it.each(UNITS)('%s prints JSON lines for the journal', async (unit) => {
      const entries = (await journal(unit)).filter(({ PRIORITY }) => PRIORITY === '6');
      const lines = entries.map(({ MESSAGE }) => MESSAGE).filter((line) => line.startsWith('{'));
      const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
      expect(events).toContain('ready');
      expect(lines.join('\n')).not.toMatch(/shoal_(admin|reader|agent|seeder)_\S/);
    });
  });

  it('an agent that is killed in the middle of a job is started again, and ends it', async () => {
    await restartedWith('400 KB/s');
    const job = await underWay(2);
    await configureAgent('unlimited');
    await machine.run('kill', '-KILL', await mainPid('shoal-agent'));
    await waitFor('the restart', async () => (await properties('shoal-agent', 'NRestarts')).NRestarts === '1');
    expect(reportOf(await finished(job))?.resumedBytes).toBeGreaterThan(0);
    expect(await printed(2)).toBe('image 2\n');
  });

  it('an agent with wrong settings is not', async () => {
    await restartedWith('quick');
    await waitFor('its end', async () => (await properties('shoal-agent', 'MainPID')).MainPID === '0');
    expect(await properties('shoal-agent', 'ActiveState', 'SubState', 'ExecMainStatus', 'NRestarts')).toEqual({
      ...{ ActiveState: 'failed', SubState: 'failed', ExecMainStatus: '2', NRestarts: '0' },
    });
    expect((await journal('shoal-agent')).map(({ MESSAGE }) => MESSAGE).join('\n')).toMatch(/download.*quick/);
  });

  it('is upgraded over a running job, which goes on and ends', async () => {
    await restartedWith('400 KB/s');
    const job = await underWay(3);
    await configureAgent('unlimited');
    await machine.run('dpkg', '--force-confold', '--install', `/srv/${NEXT}.deb`);
    await waitFor('the new agent', () => isOnline(NEXT));
    expect(reportOf(await finished(job))?.resumedBytes).toBeGreaterThan(0);
    expect(await printed(3)).toBe('image 3\n');
  });

  it('is there again after a boot, by itself', async () => {
    await machine.reboot();
    await waitFor('the agent', () => isOnline(NEXT), 60_000);
    const views = JSON.parse(await shoal('jobs', '--json')) as JobView[];
    expect(views.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
    await machine.run('docker', 'image', 'rm', '--force', `${REGISTRY}/team/app:1`);
    await shoal('prewarm', `${REGISTRY}/team/app:1`, '--wait');
    expect(await printed(1)).toBe('image 1\n');
  });

  it('is given by a drop-in what docs/operations.md says: a port below 1024, a folder for archives', async () => {
    const capability = 'CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE';
    const folder = '/etc/systemd/system/shoal-agent.service.d';
    await machine.run('install', '-d', folder);
    await machine.run('install', '-d', '-o', 'shoal', '/srv/archives');
    await machine.write(`${folder}/override.conf`, `[Service]\n${capability}\nReadWritePaths=/srv/archives\n`);
    await machine.run('systemctl', 'daemon-reload');
    await restartedWith('unlimited', {
      ...{ exit: 'archive', archive: { folder: '/srv/archives' }, proxy: { enabled: true, tls: { port: 443 } } },
      registries: [{ host: 'harbor.example.com', address: '192.0.2.1:443' }],
    });
    await waitFor('port 443', async () => (await machine.run('ss', '--listening', '--tcp', '-n')).includes(':443 '));
    await shoal('prewarm', `${REGISTRY}/team/app:2`, '--wait');
    expect(await machine.run('find', '/srv/archives', '-type', 'f', '-user', 'shoal')).not.toBe('');
  });

  it('stops in order, and in time', async () => {
    await machine.run('systemctl', 'stop', ...UNITS);
    for (const unit of UNITS)
      expect(await properties(unit, 'ActiveState', 'Result', 'ExecMainCode', 'ExecMainStatus')).toEqual({
        ...{ ActiveState: 'inactive', Result: 'success', ExecMainCode: '1', ExecMainStatus: '0' },
      });
    await machine.run('systemctl', 'start', ...UNITS);
    await waitFor('the agent', () => isOnline(NEXT));
  });

  it('removed, it stops and leaves settings and data; purged, nothing', async () => {
    await machine.run('dpkg', '--remove', 'shoal');
    for (const unit of UNITS) expect((await properties(unit, 'ActiveState')).ActiveState).toBe('inactive');
    await machine.run('ls', '/etc/shoal/agent.yaml', '/etc/shoal/join.token', '/var/lib/shoal/tracker/tracker.db');
    await machine.run('dpkg', '--purge', 'shoal');
    const known = new Set(before);
    expect((await machineState(machine.run)).filter((entry) => !known.has(entry))).toEqual([]);
    expect(await machine.run('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'shoal*')).toBe('');
    expect((await machine.run('docker', 'info', '--format', '{{.ServerVersion}}')).trim()).not.toBe('');
  });

  /** Debian's own units of the Engine and the registry, the first without networks, the second without accounts. */
  async function startNeighbours(): Promise<void> {
    await machine.run('mkdir', '-p', '/etc/docker/registry');
    const engine = { bridge: 'none', iptables: false, ip6tables: false };
    await machine.write('/etc/docker/daemon.json', JSON.stringify(engine));
    const registry = {
      version: '0.1',
      storage: { filesystem: { rootdirectory: '/var/lib/docker-registry' } },
      http: { addr: REGISTRY, secret: 'test' },
    };
    await machine.write('/etc/docker/registry/config.yml', JSON.stringify(registry)); // JSON is YAML
    await machine.run('chown', 'docker-registry:', '/var/lib/docker-registry');
    await machine.run('systemctl', 'enable', '--now', 'docker', 'docker-registry');
  }

  /** Its own name, so that the names of images are those of this registry. Base layers are the same. */
  async function push(tag: number): Promise<void> {
    const image = await makeImage({ baseBytes: 24 << 20, middleBytes: (7 + tag) << 20, line: `image ${tag}` });
    await cp(image.layout, join(machine.srv, `image-${tag}`), { recursive: true });
    const copy = ['copy', '--dest-tls-verify=false', '--preserve-digests', `oci:/srv/image-${tag}`];
    await waitFor('the registry', () =>
      machine
        .run('skopeo', '--insecure-policy', ...copy, `docker://${REGISTRY}/team/app:${tag}`)
        .then(isTrue, () => false),
    );
  }

  /** As README.md has it, but that the authority of the tracker's certificate is our own. */
  async function configure(): Promise<void> {
    const { key, cert } = selfSignedCertificate();
    const files = { 'tracker.key': key, 'tracker.crt': cert };
    for (const [name, text] of Object.entries(files)) await install(name, text);
    await machine.write(
      '/etc/shoal/tracker.yaml',
      JSON.stringify({
        tls: { cert: '/etc/shoal/tracker.crt', key: '/etc/shoal/tracker.key' },
        registries: [{ host: REGISTRY, url: `http://${REGISTRY}` }],
        seeder: { peer: { advertiseHost: '127.0.0.1' } },
      }),
    );
    await configureAgent('unlimited');
    await install('join.token', await newToken('agent'));
    await machine.write('/root/admin.token', await newToken('admin'), 0o600);
  }

  async function configureAgent(download: string, more: object = {}): Promise<void> {
    const tracker = { url: URL_OF_TRACKER, tokenFile: '/etc/shoal/join.token', ca: '/etc/shoal/tracker.crt' };
    const settings = { tracker, peer: { port: 7611, advertiseHost: '127.0.0.1' }, limits: { download } };
    await machine.write('/etc/shoal/agent.yaml', JSON.stringify({ ...settings, ...more }));
  }

  async function restartedWith(download: string, more: object = {}): Promise<void> {
    await configureAgent(download, more);
    await machine.run('systemctl', 'restart', 'shoal-agent');
  }

  async function install(name: string, text: string): Promise<void> {
    await machine.write(`/root/${name}`, text);
    await machine.run('install', '-m', '640', '-g', 'shoal', `/root/${name}`, '/etc/shoal/');
  }

  async function newToken(role: string): Promise<string> {
    const command = ['shoal', 'token', 'create', '--role', role, '--name', `test ${role}`];
    return (await machine.run('runuser', '-u', 'shoal', '--', ...command)).trim();
  }

  function shoal(...args: string[]): Promise<string> {
    const env = [`SHOAL_TRACKER=${URL_OF_TRACKER}`, 'SHOAL_TOKEN_FILE=/root/admin.token', 'SHOAL_CA=/root/tracker.crt'];
    return machine.run('env', ...env, 'shoal', ...args);
  }

  async function isOnline(version: string): Promise<boolean> {
    const hosts = await shoal('hosts', '--json').then(
      (text) => JSON.parse(text) as HostView[],
      () => [],
    );
    const roles = hosts.filter((host) => host.online && host.version === version).map(({ role }) => role);
    return roles.includes('agent') && roles.includes('seeder');
  }

  /** The id of a job of which the first pieces are here. */
  async function underWay(tag: number): Promise<string> {
    const id = (await shoal('prewarm', `${REGISTRY}/team/app:${tag}`)).trim();
    await waitFor('the first pieces', async () => (reportOf(await jobOf(id))?.haveBytes ?? 0) > 0);
    expect((await jobOf(id)).state).toBe('running');
    return id;
  }

  async function jobOf(id: string): Promise<JobView> {
    return JSON.parse(await shoal('job', id, '--json')) as JobView;
  }

  async function finished(id: string): Promise<JobView> {
    const hasEnded = (job: JobView) => job.state !== 'running' && job;
    const job = await waitFor('the job', () => jobOf(id).then(hasEnded, () => false as const), JOB_MS);
    expect(job.state).toBe('done');
    return job;
  }

  function printed(tag: number): Promise<string> {
    return machine.run('docker', 'run', '--rm', '--network', 'none', `${REGISTRY}/team/app:${tag}`);
  }

  async function properties(unit: string, ...names: string[]): Promise<Record<string, string>> {
    const lines = (await machine.run('systemctl', 'show', '--property', names.join(), unit)).trim().split('\n');
    return Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]));
  }

  async function mainPid(unit: string): Promise<string> {
    return (await properties(unit, 'MainPID')).MainPID ?? '';
  }

  async function journal(unit: string): Promise<{ MESSAGE: string; PRIORITY: string }[]> {
    const lines = (await machine.run('journalctl', '--unit', unit, '--output', 'json')).trim().split('\n');
    return lines.map((line) => JSON.parse(line) as { MESSAGE: string; PRIORITY: string });
  }

  /** A program that sees the file systems of a daemon, as root. */
  async function beside(unit: string, ...command: string[]): Promise<CommandResult> {
    return machine.attempt('nsenter', '--target', await mainPid(unit), '--mount', '--', ...command);
  }

  /** The same as the daemon's account. */
  function inItsPlace(unit: string, ...command: string[]): Promise<CommandResult> {
    return beside(unit, 'setpriv', '--reuid', 'shoal', '--regid', 'shoal', '--clear-groups', '--', ...command);
  }

  /** A file of the daemon's cgroup, by its name in v2 and v1. */
  async function ofItsGroup(pid: string, controller: string, [v2, v1]: [string, string]): Promise<string> {
    const groups = await machine.run('cat', `/proc/${pid}/cgroup`);
    const own = new RegExp(`^\\d+:(?:.*,)?(${controller})(?:,.*)?:(.*)$`, 'm').exec(groups);
    const place = own ? `${own[1]}${own[2]}/${v1}` : `${/^0::(.*)$/m.exec(groups)?.[1]}/${v2}`;
    return (await machine.run('cat', `/sys/fs/cgroup/${place}`)).trim();
  }

  /** The hard limit. */
  async function openFiles(pid: string): Promise<number> {
    const limits = await machine.run('cat', `/proc/${pid}/limits`);
    return Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1]);
  }

  async function numberIn(path: string): Promise<number> {
    return Number(await machine.run('cat', path));
  }

  /** Whether systemd may give more than it has itself: CAP_SYS_RESOURCE, which a sandbox may lack. */
  async function mayRaise(): Promise<boolean> {
    const [, capabilities = '0'] = /^CapEff:\s*(\w+)$/m.exec(await machine.run('cat', '/proc/1/status')) ?? [];
    return ((BigInt(`0x${capabilities}`) >> 24n) & 1n) === 1n;
  }

  async function id(...args: string[]): Promise<string> {
    return (await machine.run('id', ...args)).trim();
  }

  async function groupId(name: string): Promise<string> {
    return (await machine.run('getent', 'group', name)).split(':')[2] ?? '';
  }
});

function reportOf(job: JobView) {
  return job.hosts[0]?.images[0];
}

const isTrue = () => true;
