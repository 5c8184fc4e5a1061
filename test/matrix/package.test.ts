/**
 * What `npm run package` makes: archives that run on hosts without Node, wherever they lie, in one swarm when their
 * versions differ. What the Debian package does to a machine is test/matrix/systemd.test.ts.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTrackerClient, type TrackerClient } from '@shoal/tracker/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { makeImage } from '../support/image.ts';
import { makePackage, packageCommand, pathWithoutNode } from '../support/package.ts';
import { run, type Service, startService } from '../support/process.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MB = 1e6;
const NEXT = '0.1.0+next';

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

requireTools(['root', 'docker-registry', 'skopeo', 'static-busybox'])('the archive', () => {
  let registry: TestRegistry;
  let folders: { first: string; next: string };
  let env: { PATH: string };
  let client: TrackerClient;
  let url: string;

  beforeAll(async () => {
    const [image, ...archives] = await Promise.all([
      makeImage({ baseBytes: 24 << 20, middleBytes: 1 << 20 }),
      makePackage(),
      makePackage('--version', NEXT),
    ]);
    registry = await startRegistry();
    await pushImage(image.layout, `${registry.host}/team/app:1`);
    const [first, next] = await Promise.all(archives.map(unpack));
    folders = { first: first ?? '', next: next ?? '' };
    env = { PATH: await pathWithoutNode() };
  });

  it('runs without node in the path, and names what is in it', async () => {
    expect(await run(join(folders.first, 'bin/shoal'), ['version'], { env })).toMatch(/^shoal 0\.1\.0, Node /);
    expect(await readFile(join(folders.first, 'LICENSES.txt'), 'utf8')).toMatch(/^fastify 5/m);
  });

  it('of two versions brings an image onto hosts in one swarm', async () => {
    await startTracker();
    const join = (await client.createToken({ role: 'agent', name: 'fleet' })).token;
    await startAgent('old', folders.first, join);
    const { pid } = await startAgent('new', folders.next, join);
    expect(await readFile(`/proc/${pid}/environ`, 'latin1')).toContain('\0MALLOC_MMAP_THRESHOLD_=131072\0');
    const versions = async () =>
      Object.fromEntries(
        (await client.hosts()).filter(({ online }) => online).map((host) => [host.name, host.version]),
      );
    await waitFor('the agents', async () => (await versions()).old === '0.1.0' && (await versions()).new === NEXT);
    const { id } = await client.createJob({ images: [`${registry.host}/team/app:1`] });
    await waitFor('the job', async () => (await client.job(id)).state !== 'running', 120_000);
    const { state, hosts } = await client.job(id);
    expect([state, ...hosts.map(({ name, state: host }) => `${name} ${host}`).sort()]).toEqual([
      ...['done', 'new ready', 'old ready'],
    ]);
  });

  async function startTracker(): Promise<void> {
    const folder = await tempDir('tracker');
    const settings = {
      ...{ dataDir: join(folder, 'data'), listen: { host: '127.0.0.1', port: 0 }, insecure: true },
      registries: [{ host: registry.host, url: registry.url }],
      seeder: { peer: { host: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' } },
    };
    const file = join(folder, 'tracker.yaml');
    await writeFile(file, JSON.stringify(settings)); // JSON is YAML
    const program = join(folders.first, 'bin/shoal');
    const token = ['token', 'create', '--role', 'admin', '--name', 'me', '--config', file];
    const admin = (await run(program, token, { env })).trim();
    const service = startService(program, ['tracker', '--config', file, '--seeder'], { env });
    url = (await service.line(/ready at (\S+)/))[1]?.replace('localhost', '127.0.0.1') ?? '';
    client = createTrackerClient({ url, token: admin });
    cleanUpAfter(() => client.close());
  }

  async function startAgent(name: string, folder: string, token: string): Promise<Service> {
    const place = await tempDir(name);
    await mkdir(join(place, 'data'));
    const settings = {
      ...{ name, dataDir: join(place, 'data'), exit: 'cache', control: false, tracker: { url, token } },
      peer: { host: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
    };
    await writeFile(join(place, 'agent.yaml'), JSON.stringify(settings));
    const args = ['agent', '--config', join(place, 'agent.yaml')];
    const service = startService(join(folder, 'bin/shoal'), args, { env });
    await service.line(/ready: peers on port/);
    return service;
  }
});

/** The folder that an archive holds, which is small enough for ten thousand hosts. */
async function unpack(archive: string): Promise<string> {
  expect((await stat(archive)).size).toBeLessThan(60 * MB);
  const folder = await tempDir('unpacked');
  await run('tar', ['-xzf', archive, '-C', folder]);
  return join(folder, (await run('tar', ['-tzf', archive])).split('/')[0] ?? '');
}
