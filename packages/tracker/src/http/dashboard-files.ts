/**
 * The dashboard's files, read once at the start and sent from memory. What is not in the folder then is not there:
 * no path of a request ever reaches the disk. The page itself needs no token, all that it shows does.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { FastifyInstance } from 'fastify';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** No script but ours, no other site in the page, nor the page in another site. */
const HEADERS = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
};

interface DashboardFile {
  bytes: Buffer;
  type: string;
  etag: string;
}

/** `folders`: of static files and of modules, as URLs that end in a slash; `index.html` of one of them is the page. */
export function addDashboard(app: FastifyInstance, folders: readonly URL[]): void {
  const files = readFiles(folders);
  const page = files.get('index.html');
  if (page === undefined) throw new Error(`no index.html in ${folders.join(', ')}: was it built?`);
  for (const [name, file] of files) {
    const path = file === page ? '/' : `/dashboard/${name}`;
    app.get(path, { schema: { hide: true } }, async (request, reply) => {
      reply.headers({ ...HEADERS, etag: file.etag });
      if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
      return reply.type(file.type).send(file.bytes);
    });
  }
}

function readFiles(folders: readonly URL[]): Map<string, DashboardFile> {
  const files = new Map<string, DashboardFile>();
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const path = name.replaceAll('\\', '/');
      const bytes = readFileSync(new URL(path, folder));
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      files.set(path, { bytes, type, etag });
    }
  }
  return files;
}
