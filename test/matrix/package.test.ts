/**
 * Hosts without Node: the archive unpacked into a folder, the Debian package installed on this machine, upgraded over a
 * running swarm, removed and purged. Daemons start as their units say; by a real systemd: systemd.test.ts. Steps build
 * on each other.
 */
import { existsSync } from 'node:fs';
import { access, chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createTrackerClient, type HostView, type JobView, type TrackerClient } from '@shoal/tracker/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { machineState, makePackage, packageCommand, pathWithoutNode, unitValue } from '../support/package.ts';
import { freePort } from '../support/port.ts';
import { run, type Service, startService } from '../support/process.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MB = 1e6;
const NEXT = '0.1.0+next';
const UNITS = '/usr/lib/systemd/system';
const TOKEN_FILE = '/etc/shoal/join.token';

describe('npm run package', () => {
  it('says what another system needs', async () => {
    const { code, stderr } = await packageCommand('--target', 'win-x64');
    expect(code).toBe(process.platform === 'win32' ? 0 : 2);
    expect(stderr).toMatch(/win-x64 on linux-x64 needs --node PATH/);
  });

  it('makes a Windows archive of a runtime that is given, without a Linux binary in it', async () => {
    const node = join(await tempDir('windows'), 'node.exe');
    await writeFile(node, 'MZ');
    const archive = await makePackage('--target', 'win-x64', '--node', node);
    const names = (await run('tar', ['-tzf', archive])).split('\n').map((name) => name.replace(/^[^/]+\//, ''));
    expect(names).toEqual(expect.arrayContaining(['bin/shoal.cmd', 'lib/node.exe', 'LICENSES.txt']));
    expect(names.filter((name) => /\.node$|^lib\/node$|^bin\/shoal$/.test(name))).toEqual([]);
  });
});

const TOOLS = [
  'root',
  'dpkg',
  'dpkg-deb',
  'systemd-analyze',
  'setpriv',
  'runuser',
  'dockerd',
  'docker',
  'docker-registry',
  'skopeo',
];

requireTools([...TOOLS, 'static-busybox'])('Shoal on a host without Node', () => {
  let registry: TestRegistry;
  let engine: Dockerd;
  let image: TestImage;
  let before: string[];
  let debs: { first: string; next: string };
  let unpacked: string;
  let client: TrackerClient;
  let tracker: Service;
  let agent: Service;
  let ports: Record<'tracker' | 'seeder' | 'agent', number>;

  beforeAll(async () => {
    await isUntouched();
    [registry, image, engine] = await Promise.all([
      startRegistry(),
      makeImage({ baseBytes: 24 << 20, middleBytes: 1 << 20 }),
      startDockerd(),
    ]);
    await chmod(dirname(engine.socket), 0o711);
    await pushImage(image.layout, `${registry.host}/team/app:1`);
    ports = { tracker: await freePort(), seeder: await freePort(), agent: await freePort() };
    unpacked = await unpack(await makePackage());
    debs = { first: await makePackage('--deb'), next: await makePackage('--deb', '--version', NEXT) };
    before = await machineState();
    cleanUpAfter(async () => {
      if ((await installedVersion()) !== undefined) await run('dpkg', ['--purge', 'shoal']);
    });
  });

  it('the archive runs without node in the path, from wherever it lies', async () => {
    const env = { PATH: await pathWithoutNode() };
    expect(await run(join(unpacked, 'bin/shoal'), ['version'], { env })).toMatch(/^shoal 0\.1\.0, Node /);
    expect(await readFile(join(unpacked, 'LICENSES.txt'), 'utf8')).toMatch(/^fastify 5/m);
  });

  it('both are small enough for ten thousand hosts', async () => {
    expect((await stat(debs.first)).size).toBeLessThan(60 * MB);
  });

  it('the package installs settings, units and an account, and starts nothing', async () => {
    await install(debs.first);
    expect(await installedVersion()).toBe('0.1.0');
    expect(await run('/usr/bin/shoal', ['version'])).toMatch(/^shoal 0\.1\.0/);
    expect(await run('getent', ['passwd', 'shoal'])).toMatch(/:\/var\/lib\/shoal:\/usr\/sbin\/nologin\n$/);
    expect((await stat('/etc/shoal')).mode & 0o777).toBe(0o750);
    await run('systemd-analyze', ['verify', ...['agent', 'tracker'].map((name) => `${UNITS}/shoal-${name}.service`)]);
    expect(await readFile('/etc/shoal/agent.yaml', 'utf8')).toBe(
      await run('/usr/bin/shoal', ['config', 'agent', '--sample']),
    );
  });

  describe('with daemons that run as their units say', () => {
    beforeAll(async () => {
      await configure({ agentDownload: 'unlimited' });
      tracker = await startUnit('tracker', /ready at/);
      client = await connect();
      const token = await newToken('agent');
      await writeFile(TOKEN_FILE, token, { mode: 0o640 });
      await chown(TOKEN_FILE, 0, Number((await run('id', ['-g', 'shoal'])).trim()));
      agent = await startUnit('agent', /ready: peers on port/);
      await startUnpacked(token);
      await online({ installed: '0.1.0', unpacked: '0.1.0' });
    });

    it('a job ends in the Engine', async () => {
      await finished(await order('1'));
      const printed = await engine.docker('run', '--rm', '--network', 'none', `${registry.host}/team/app:1`);
      expect(printed).toBe(`${image.line}\n`);
    });

    it('is upgraded over a running job, which goes on in a swarm of two versions', async () => {
      const other = await makeImage({ baseBytes: 24 << 20, middleBytes: 8 << 20, line: 'image B' });
      await pushImage(other.layout, `${registry.host}/team/app:2`);
      await agent.stop();
      await configure({ agentDownload: '400 KB/s' });
      agent = await startUnit('agent', /ready: peers on port/);
      await online({ installed: '0.1.0', unpacked: '0.1.0' });
      const id = await order('2');
      await waitFor('the first piece', async () => (reportOf(await client.job(id))?.haveBytes ?? 0) > 0, 60_000);

      await install(debs.next);
      expect((await client.job(id)).state).toBe('running');
      await Promise.all([tracker.stop(), agent.stop()]);
      await configure({ agentDownload: 'unlimited' });
      tracker = await startUnit('tracker', /ready at/);
      agent = await startUnit('agent', /ready: peers on port/);
      await online({ installed: NEXT, unpacked: '0.1.0' });
      expect(reportOf(await finished(id))?.resumedBytes).toBeGreaterThan(0);
      const printed = await engine.docker('run', '--rm', '--network', 'none', `${registry.host}/team/app:2`);
      expect(printed).toBe('image B\n');
    });
  });

  it('removed, it leaves settings and data; purged, nothing that was not there', async () => {
    await Promise.all([tracker.stop(), agent.stop()]);
    await run('dpkg', ['--remove', 'shoal']);
    for (const path of ['/usr/bin/shoal', '/usr/lib/shoal', `${UNITS}/shoal-agent.service`])
      await expect(access(path), path).rejects.toThrow();
    for (const path of [TOKEN_FILE, '/etc/shoal/agent.yaml', '/var/lib/shoal/tracker']) await access(path);
    await run('dpkg', ['--purge', 'shoal']);
    const known = new Set(before);
    expect((await machineState()).filter((entry) => !known.has(entry))).toEqual([]);
  });

  async function configure({ agentDownload }: { agentDownload: string }): Promise<void> {
    const peer = { host: '127.0.0.1', advertiseHost: '127.0.0.1' };
    const settings = {
      tracker: {
        listen: { host: '127.0.0.1', port: ports.tracker },
        insecure: true,
        registries: [{ host: registry.host, url: registry.url }],
        seeder: { peer: { ...peer, port: ports.seeder } },
      },
      agent: {
        name: 'installed',
        tracker: { url: trackerUrl(), tokenFile: TOKEN_FILE },
        peer: { ...peer, port: ports.agent },
        control: false,
        engine: { address: engine.address },
        limits: { download: agentDownload },
      },
    };
    for (const [daemon, text] of Object.entries(settings))
      await writeFile(`/etc/shoal/${daemon}.yaml`, JSON.stringify(text)); // JSON is YAML
  }

  const trackerUrl = (): string => `http://127.0.0.1:${ports.tracker}`;

  /** The command, account and groups of the unit. */
  async function startUnit(daemon: 'tracker' | 'agent', ready: RegExp): Promise<Service> {
    const unit = await readFile(`${UNITS}/shoal-${daemon}.service`, 'utf8');
    const [user, group, command] = ['User', 'Group', 'ExecStart'].map((key) => unitValue(unit, key));
    const groups = daemon === 'agent' ? ['--groups', unitValue(unit, 'SupplementaryGroups')] : ['--clear-groups'];
    const account = [...['--reuid', user ?? '', '--regid', group ?? ''], ...groups, '--no-new-privs'];
    const service = startService('setpriv', [...account, '--', ...(command ?? '').split(' ')]);
    await service.line(ready);
    return service;
  }

  async function startUnpacked(token: string): Promise<void> {
    const folder = await tempDir('unpacked');
    await mkdir(join(folder, 'data'));
    const settings = {
      ...{ name: 'unpacked', dataDir: join(folder, 'data'), exit: 'cache', control: false },
      tracker: { url: trackerUrl(), token },
      peer: { host: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
    };
    await writeFile(join(folder, 'agent.yaml'), JSON.stringify(settings));
    const env = { PATH: await pathWithoutNode() };
    const args = ['agent', '--config', join(folder, 'agent.yaml')];
    await startService(join(unpacked, 'bin/shoal'), args, { env }).line(/ready: peers on port/);
  }

  /** As the README says: the tracker's database belongs to its account. */
  async function newToken(role: string): Promise<string> {
    const args = ['token', 'create', '--role', role, '--name', `test ${role}`];
    return (await run('runuser', ['-u', 'shoal', '--', '/usr/bin/shoal', ...args])).trim();
  }

  async function connect(): Promise<TrackerClient> {
    const made = createTrackerClient({ url: trackerUrl(), token: await newToken('admin') });
    cleanUpAfter(() => made.close());
    return made;
  }

  async function online(wanted: Record<string, string>): Promise<void> {
    const isThere = (hosts: HostView[], name: string) =>
      hosts.some((host) => host.name === name && host.online && host.version === wanted[name]);
    await waitFor('the agents', async () => {
      const hosts = await client.hosts().catch(() => []);
      return Object.keys(wanted).every((name) => isThere(hosts, name)) && hosts.some(({ role }) => role === 'seeder');
    });
  }

  async function order(tag: string): Promise<string> {
    const { id } = await client.createJob({ images: [`${registry.host}/team/app:${tag}`] });
    return id;
  }

  async function finished(id: string): Promise<JobView> {
    const job = await waitFor(
      'the job',
      async () => {
        const view = await client.job(id);
        return view.state !== 'running' && view;
      },
      120_000,
    );
    expect(job.state).toBe('done');
    return job;
  }
});

function reportOf(job: JobView) {
  return job.hosts.find(({ name }) => name === 'installed')?.images[0];
}

async function installedVersion(): Promise<string | undefined> {
  const shown = await run('dpkg-query', ['-W', 'shoal']).catch(() => '');
  return shown.trim().split('\t')[1];
}

/** Settings that somebody changed stay, and nobody is asked. */
async function install(deb: string): Promise<void> {
  await run('dpkg', ['--force-confold', '--install', deb]);
}

/** An installation that was here before would be purged by these tests. */
async function isUntouched(): Promise<void> {
  const places = ['/etc/shoal', '/var/lib/shoal', '/usr/lib/shoal'].filter((path) => existsSync(path));
  if (places.length > 0 || (await installedVersion()) !== undefined)
    throw new Error(`Shoal is installed on this machine (${places.join(', ')}): these tests would purge it`);
}

/** The folder that the archive holds. */
async function unpack(archive: string): Promise<string> {
  expect((await stat(archive)).size).toBeLessThan(60 * MB);
  const folder = await tempDir('unpacked');
  await run('tar', ['-xzf', archive, '-C', folder]);
  return join(folder, (await run('tar', ['-tzf', archive])).split('/')[0] ?? '');
}
