/**
 * The images of docker/Dockerfile, built by a real Engine: their size, account and health check. Nothing is pulled: their
 * base is this machine's, and the build stage finds its folder made. What they do together: compose.test.ts.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makePackage } from '../support/package.ts';
import { run } from '../support/process.ts';
import { importRootFs } from '../support/root-fs.ts';
import { requireTools } from '../support/tools.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = 'shoal-test/base';
const TOOLS = ['root', 'dockerd', 'docker', 'static-busybox', 'ldd'];

requireTools(TOOLS)('the images', () => {
  let engine: Dockerd;

  beforeAll(async () => {
    const tree = join(await tempDir('tree'), 'shoal');
    [engine] = await Promise.all([startDockerd(), makePackage('--tree', tree)]);
    await importRootFs(engine, BASE);
    await importRootFs(engine, 'shoal-test/build', { files: { '/shoal': tree } });
    for (const target of ['tracker', 'agent']) await build(target);
  });

  it('add less than 80 MB compressed to their base', async () => {
    const size = async (name: string) => gzippedBytes(await saved(name));
    const added = (await size('shoal-agent')) - (await size(BASE));
    process.stderr.write(`the agent's image above its base: ${(added / 1e6).toFixed(1)} MB\n`);
    expect(added).toBeLessThan(80e6);
  });

  it('run the tracker without the rights of root', async () => {
    expect(
      (await engine.docker('run', '--rm', '--network', 'none', '--entrypoint', 'id', 'shoal-tracker')).trim(),
    ).toMatch(/^uid=7600 gid=7600/);
  });

  it('are unhealthy when nobody answers', async () => {
    const args = ['--rm', '--network', 'none', '--entrypoint', '/opt/shoal/lib/node', 'shoal-agent'];
    await expect(engine.docker('run', ...args, '/opt/shoal/probe.mjs', 'agent')).rejects.toThrow();
  });

  /** The classic builder: BuildKit's is a program of its own, which Debian's Engine does not bring. */
  async function build(target: string): Promise<void> {
    const from = ['--build-arg', `BASE=${BASE}`, '--build-arg', 'BUILD=shoal-test/build', '--network', 'none'];
    const env = { ...process.env, DOCKER_HOST: engine.address, DOCKER_BUILDKIT: '0' };
    const file = ['--file', join(ROOT, 'docker/Dockerfile'), '--target', target, '--tag', `shoal-${target}`];
    await run('docker', ['build', '--quiet', ...file, ...from, ROOT], { env });
  }

  async function saved(name: string): Promise<string> {
    const file = join(await tempDir('saved'), 'image.tar');
    await engine.docker('save', '--output', file, name);
    return file;
  }
});

async function gzippedBytes(file: string): Promise<number> {
  await run('gzip', [file]);
  return (await stat(`${file}.gz`)).size;
}
