/*
 * A tracker as a program of its own, on loopback without TLS. Argument: JSON { dataDir, source }, where source is
 * { layout: folder } or { generated: { keyHex, digest, sizeBytes } }. Tells `ready` with its URL and an admin token.
 */
import { createTracker } from '@shoal/tracker';
import { pino } from 'pino';
import { failed, obey, tell } from './line-protocol.mjs';
import { sourceOpener } from './source-opener.mjs';

const { dataDir, source } = JSON.parse(process.argv[2] ?? '{}');

async function main() {
  const tracker = await createTracker({
    dataDir,
    host: '127.0.0.1',
    port: 0,
    insecure: true,
    openSource: sourceOpener(source),
    logger: pino({ level: 'error' }, pino.destination(2)),
    version: 'bench',
  });
  obey(
    {
      token: (/** @type {{ role: 'agent' | 'seeder', name: string }} */ { role, name }) =>
        tell('token', { token: tracker.createToken(role, name) }),
    },
    () => tracker.stop(),
  );
  tell('ready', { url: tracker.url, token: tracker.createToken('admin', 'bench') });
}

main().catch(failed);
