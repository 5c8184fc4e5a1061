/*
 * Images as an OCI layout, of files of /usr in layers packed by gzip −6: what real layers look like to an engine. The
 * files are those of this machine, the same for a whole run.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

const LAYERS = 3;
const OCI = 'application/vnd.oci.image';

/** @typedef {{ folder: string, layers: { digest: string, size: number }[], bytes: number }} UsrImage `bytes`: compressed */

/** One image of three layers. @param {string} folder @param {number} sizeBytes of the files @returns {Promise<UsrImage>} */
export async function writeUsrImage(folder, sizeBytes) {
  const sizes = Array.from({ length: LAYERS }, () => sizeBytes / LAYERS);
  const [image] = await writeUsrImages(folder, { app: sizes });
  return /** @type {UsrImage} */ (image);
}

/**
 * Images whose first layers are the same: by tag the bytes of files in each layer.
 * @param {string} folder @param {Record<string, readonly number[]>} sizesByTag @returns {Promise<UsrImage[]>}
 */
export async function writeUsrImages(folder, sizesByTag) {
  const blobs = path.join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const files = filesOfUsr();
  const wanted = Object.values(sizesByTag).reduce((longest, sizes) =>
    sizes.length > longest.length ? sizes : longest,
  );
  /** @type {Layer[]} */
  const layers = [];
  for (const sizeBytes of wanted) layers.push(await writeLayer(blobs, take(files, sizeBytes)));
  const images = Object.entries(sizesByTag).map(([tag, sizes]) => putImage(blobs, tag, layers.slice(0, sizes.length)));
  writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const manifests = images.map(({ manifest }) => manifest);
  writeFileSync(path.join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return images.map(({ layers }) => ({ folder, layers, bytes: layers.reduce((sum, { size }) => sum + size, 0) }));
}

/** @typedef {{ digest: string, size: number, diffId: string }} Layer */

/** @param {string} blobs @param {string} tag @param {readonly Layer[]} layers */
function putImage(blobs, tag, layers) {
  const put = (/** @type {object} */ value) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(path.join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const config = put({ architecture, os: 'linux', config: {}, rootfs });
  const descriptors = layers.map(({ digest, size }) => ({ mediaType: `${OCI}.layer.v1.tar+gzip`, digest, size }));
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = put({
    ...{ schemaVersion: 2, mediaType, layers: descriptors },
    config: { mediaType: `${OCI}.config.v1+json`, ...config },
  });
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  return { layers: descriptors, manifest: { mediaType, ...manifest, annotations } };
}

/** @returns {{ file: string, bytes: number }[]} */
function filesOfUsr() {
  const entries = readdirSync('/usr', { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .map((file) => ({ file, bytes: statSync(file).size }));
}

/** @param {{ file: string, bytes: number }[]} files @param {number} wanted */
function take(files, wanted) {
  const taken = [];
  for (let bytes = 0; bytes < wanted; ) {
    const next = files.shift();
    if (next === undefined) throw new Error('/usr has not so many bytes: take a smaller --size');
    bytes += next.bytes;
    taken.push(next.file);
  }
  return taken;
}

/** @param {string} blobs @param {string[]} files */
async function writeLayer(blobs, files) {
  const tar = spawn('tar', ['--create', '--null', '--files-from=-', '--absolute-names', '--transform=s,^/,,'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  tar.stdin.end(files.map((file) => `${file}\0`).join(''));
  const [plain, packed] = [createHash('sha256'), createHash('sha256')];
  const temporary = path.join(blobs, 'layer');
  await pipeline(tar.stdout, hashing(plain), createGzip({ level: 6 }), hashing(packed), createWriteStream(temporary));
  const hex = packed.digest('hex');
  const file = path.join(blobs, hex);
  renameSync(temporary, file);
  return { digest: `sha256:${hex}`, size: statSync(file).size, diffId: `sha256:${plain.digest('hex')}` };
}

/** @param {import('node:crypto').Hash} hash */
function hashing(hash) {
  return new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}
