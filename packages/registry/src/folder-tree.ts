/**
 * A folder on disk as a FileTree. Paths come from digests and fixed names, never from foreign text.
 */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { badTree, type FileTree, fileMark, readRange, systemCode } from './file-tree.ts';

export async function createFolderTree(folder: string): Promise<FileTree> {
  const mark = await fileMark(join(folder, 'index.json'));
  const tree = { name: folder, badCode: 'BAD_LAYOUT' } as const;
  let closed = false;
  const pathOf = (path: string) => join(folder, ...path.split('/'));
  return {
    ...tree,
    async sizeOf(path) {
      try {
        const found = await stat(pathOf(path));
        return found.isFile() ? found.size : undefined;
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw badTree(tree, `${path} cannot be read (${systemCode(cause)}).`, cause);
      }
    },
    async *read(path, range, signal) {
      const handle = await open(pathOf(path), 'r').catch((cause: unknown) => {
        throw badTree(tree, `${path} cannot be read (${systemCode(cause)}).`, cause);
      });
      try {
        yield* readRange(handle, range, { tree, signal, isClosed: () => closed });
      } finally {
        await handle.close();
      }
    },
    isCurrent: async () => (await fileMark(join(folder, 'index.json'))) === mark,
    async close() {
      closed = true;
    },
  };
}

function isMissing(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(cause));
}
