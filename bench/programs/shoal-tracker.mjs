/*
 * A tracker as a program of its own, without TLS, with its page. Argument: JSON { dataDir, source, host? }, where source is
 * { layout: folder }, { generated: { keyHex, digest, sizeBytes } } or { several: … }. Tells `ready` with its URL and an admin token.
 * Who cannot reach that URL gives orders { do: 'call', method, argument } for the tracker's typed client.
 */
import { dashboardFolders } from '@shoal/dashboard';
import { createUpstream } from '@shoal/registry';
import { createTracker } from '@shoal/tracker';
import { createTrackerClient } from '@shoal/tracker/client';
import { pino } from 'pino';
import { failed, obey, tell } from './line-protocol.mjs';
import { sourceOpener } from './source-opener.mjs';

const { dataDir, source, host = '127.0.0.1' } = JSON.parse(process.argv[2] ?? '{}');

async function main() {
  const tracker = await createTracker({
    dataDir,
    host,
    port: 0,
    insecure: true,
    openSource: sourceOpener(source),
    ...(source.registry ? { openUpstream: () => createUpstream(source.registry) } : {}),
    logger: pino({ level: 'error' }, pino.destination(2)),
    dashboard: dashboardFolders,
    version: 'bench',
  });
  const token = tracker.createToken('admin', 'bench');
  const client = createTrackerClient({ url: tracker.url, token });
  obey(
    {
      call: async (
        /** @type {{ method: 'createJob' | 'job' | 'cancelJob' | 'applyPolicy', argument: any }} */ {
          method,
          argument,
        },
      ) =>
        tell('answer', {
          value: await (method === 'cancelJob' ? client.actOnJob(argument, 'cancel') : client[method](argument)),
        }),
      token: (/** @type {{ role: 'agent' | 'seeder', name: string }} */ { role, name }) =>
        tell('token', { token: tracker.createToken(role, name) }),
    },
    async () => {
      await client.close();
      await tracker.stop();
    },
  );
  tell('ready', { url: tracker.url, token });
}

main().catch(failed);
