/** Files of this machine to make an image of: readable regular files under well-known folders, until there are enough bytes. */
import type { Dirent } from 'node:fs';
import { access, constants, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface MachineFile {
  path: string;
  size: number;
}

/** Where programs and libraries lie; the runtime's own folder is there in any case. */
export function programFolders(platform: string, env: Readonly<Record<string, string | undefined>>): string[] {
  const runtime = dirname(process.execPath);
  if (platform === 'win32') return [runtime, env.ProgramFiles, env.SystemRoot].filter((folder) => folder !== undefined);
  return ['/usr/lib', '/usr/share', '/usr/bin', '/opt', '/Applications', runtime];
}

/** At least `wantedBytes` if the folders hold so much; in a stable order. */
export async function findMachineFiles(folders: readonly string[], wantedBytes: number): Promise<MachineFile[]> {
  const files = new Map<string, MachineFile>();
  let bytes = 0;
  for (const folder of folders) {
    for await (const file of walk(folder)) {
      if (files.has(file.path)) continue;
      files.set(file.path, file);
      bytes += file.size;
      if (bytes >= wantedBytes) return [...files.values()];
    }
  }
  return [...files.values()];
}

async function* walk(folder: string): AsyncGenerator<MachineFile> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []); // a folder we may not read is no matter
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) {
      const size = await readableSize(path);
      if (size !== undefined && size > 0) yield { path, size };
    }
  }
}

async function readableSize(path: string): Promise<number | undefined> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
