/*
 * One production agent, or several, as a program of its own. Argument: JSON { trackerUrl, source?, control?,
 * advertiseHost?, agents: [{ name, dataDir, token }] }; `source` makes seeders of them. Tells `ready` when all are connected to the tracker.
 * The order { do: 'status' } is answered with what each agent says of itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startAgent } from '@shoal/agent';
import { pino } from 'pino';
import { failed, obey, tell } from './line-protocol.mjs';
import { sourceOpener } from './source-opener.mjs';

const LOOPBACK = '127.0.0.1';
const POLL_MS = 20;

/** @type {{ trackerUrl: string, source?: object, control?: boolean, advertiseHost?: string, agents: { name: string, dataDir: string, token: string }[] }} */
const { trackerUrl, source, control, advertiseHost = LOOPBACK, agents: wanted } = JSON.parse(process.argv[2] ?? '{}');

/** @param {{ name: string, dataDir: string, token: string }} agent */
function start({ name, dataDir, token }) {
  return startAgent({
    dataDir,
    name,
    version: 'bench',
    labels: {},
    tracker: { url: trackerUrl, token },
    peer: { host: LOOPBACK, port: 0, advertiseHost },
    control: control ? { host: LOOPBACK, port: 0 } : undefined,
    limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
    exit: { kind: 'cache' },
    ...(source ? { openSource: sourceOpener(source) } : {}),
    logger: pino({ level: 'error' }, pino.destination(2)),
  });
}

async function main() {
  const agents = await Promise.all(wanted.map(start));
  for (const agent of agents) {
    agent.stopped.then((error) => error && failed(error), failed);
    while (agent.status().tracker.state !== 'connected') await delay(POLL_MS);
  }
  obey({ status: () => tell('status', { agents: agents.map((agent) => agent.status()) }) }, () =>
    Promise.all(agents.map((agent) => agent.stop())),
  );
  tell('ready', { controlPort: agents[0]?.controlPort });
}

main().catch(failed);
