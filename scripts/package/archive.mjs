/*
 * A folder as one .tar.gz, with the folder's name as its only top entry: the same bytes for the same content. Windows has
 * a tar that unpacks it, too, since Server 2019.
 */
import { createReadStream, createWriteStream, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

/** @param {string} folder @param {string} file @param {Date} mtime of every entry */
export async function writeArchive(folder, file, mtime) {
  const tar = pack();
  const written = pipeline(tar, createGzip({ level: 9 }), createWriteStream(file));
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  for (const place of entries) {
    const { mode, size } = statSync(place);
    const name = path.posix.join(path.basename(folder), path.relative(folder, place).replaceAll('\\', '/'));
    await pipeline(createReadStream(place), tar.entry({ name, size, mode: mode & 0o777, mtime }));
  }
  tar.finalize();
  await written;
}
