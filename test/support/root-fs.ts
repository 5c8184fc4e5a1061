/** Images to build on where nothing can be pulled: busybox and the libraries that Node needs, of this machine. */
import { copyFile, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tempDir } from './cleanup.ts';
import type { Dockerd } from './dockerd.ts';
import { run } from './process.ts';
import { findProgram } from './tools.ts';

const APPLETS = ['sh', 'cat', 'chmod', 'chown', 'dirname', 'env', 'id', 'ls', 'mkdir', 'readlink', 'test'];

interface RootFsOptions {
  /** Files and folders to have in it, by their path there. */
  files?: Record<string, string>;
  /** Instructions of a Dockerfile. */
  changes?: string[];
}

/** Stands for debian:bookworm-slim. */
export async function importRootFs(engine: Dockerd, name: string, options: RootFsOptions = {}): Promise<void> {
  const folder = await tempDir('rootfs');
  const place = async (path: string) => {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    return join(folder, path);
  };
  await copyFile(findProgram('busybox') ?? '', await place('/bin/busybox'));
  for (const applet of APPLETS) await symlink('busybox', await place(`/bin/${applet}`));
  for (const library of await librariesOf(process.execPath)) await copyFile(library, await place(library));
  await writeFile(await place('/etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await mkdir(join(folder, 'tmp'), { mode: 0o1777 });
  for (const [path, from] of Object.entries(options.files ?? {}))
    await cp(from, await place(path), { recursive: true });
  const tar = join(await tempDir('rootfs'), 'rootfs.tar');
  await run('tar', ['-cf', tar, '--owner=0', '--group=0', '-C', folder, '.']);
  const changes = (options.changes ?? []).flatMap((change) => ['--change', change]);
  await engine.docker('import', ...changes, tar, name);
}

/** Stands for registry:2, from Debian's docker-registry. */
export async function importRegistry(engine: Dockerd, name: string): Promise<void> {
  const config = join(await tempDir('registry'), 'config.yml');
  const storage = { filesystem: { rootdirectory: '/var/lib/registry' } };
  await writeFile(config, JSON.stringify({ version: '0.1', storage, http: { addr: ':5000', secret: 'test' } }));
  const place = '/etc/docker/registry/config.yml';
  await importRootFs(engine, name, {
    files: { '/bin/registry': findProgram('docker-registry') ?? '', [place]: config },
    changes: [
      ...['ENTRYPOINT ["/bin/registry", "serve"]', `CMD ["${place}"]`],
      ...['VOLUME /var/lib/registry', 'EXPOSE 5000'],
    ],
  });
}

async function librariesOf(program: string): Promise<string[]> {
  return [...(await run('ldd', [program])).matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
}
