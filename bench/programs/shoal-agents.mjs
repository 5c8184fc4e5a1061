/*
 * One production agent, or several, as a program of its own. Argument: JSON { trackerUrl, source?, control?, peerHost?,
 * advertiseHost?, labels?, capBytesPerSecond?, linkBytesPerSecond?,
 * proxy?, engine?, agents: [{ name, dataDir, token }] }; `source` makes seeders of them. Tells
 * `ready` when all are connected to the tracker. The order { do: 'status' } is answered with what each agent says of
 * itself; { do: 'watch' } with `image` when the first agent has the image of its job. { do: 'logGrants' } begins a log of
 * what the yield rule grants it, { do: 'grants' } is answered with that log.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { spareTheOptimizer, startAgent } from '@shoal/agent';
import { pino } from 'pino';
import { machineMs } from '../harness/machine-clock.mjs';
import { failed, obey, tell } from './line-protocol.mjs';
import { sourceOpener } from './source-opener.mjs';

const LOOPBACK = '127.0.0.1';
const POLL_MS = 20;
const GRANTS_MS = 5;

/**
 * @typedef {object} Argument
 * @property {string} trackerUrl
 * @property {object} [source]
 * @property {boolean} [control]
 * @property {string} [peerHost] where it listens: loopback unless given
 * @property {string} [advertiseHost] where it listens unless given
 * @property {Record<string, string>} [labels]
 * @property {number} [capBytesPerSecond] each way; none unless given
 * @property {number} [linkBytesPerSecond] what the card says unless given
 * @property {{ host: string, url: string }} [proxy] the registry it stands for; no proxy unless given
 * @property {string} [engine] address of the one it loads images into; it keeps them as blobs unless given
 * @property {{ name: string, dataDir: string, token: string }[]} agents
 */

const argument = /** @type {Argument} */ (JSON.parse(process.argv[2] ?? '{}'));
const { trackerUrl, source, control, peerHost = LOOPBACK, advertiseHost = peerHost, labels = {} } = argument;
const cap = argument.capBytesPerSecond ?? Number.POSITIVE_INFINITY;

spareTheOptimizer(); // as the program `shoal agent` does

/** @param {{ name: string, dataDir: string, token: string }} agent */
function start({ name, dataDir, token }) {
  return startAgent({
    dataDir,
    name,
    version: 'bench',
    labels,
    tracker: { url: trackerUrl, token },
    peer: { host: peerHost, port: 0, advertiseHost },
    ...(argument.proxy ? { proxy: { host: LOOPBACK, port: 0, registries: [argument.proxy] } } : {}),
    control: control ? { host: LOOPBACK, port: 0 } : undefined,
    limits: { uploadBytesPerSecond: cap, downloadBytesPerSecond: cap },
    ...(argument.linkBytesPerSecond ? { bandwidth: { linkBytesPerSecond: argument.linkBytesPerSecond } } : {}),
    exit: argument.engine === undefined ? { kind: 'cache' } : { kind: 'engine', address: argument.engine },
    ...(source ? { openSource: sourceOpener(source) } : {}),
    logger: pino({ level: 'error' }, pino.destination(2)),
  });
}

/** Tells it within 20 ms: reports to the tracker are too coarse a clock. @param {import('@shoal/agent').Agent} agent */
async function watch(agent) {
  for (let wasThere = false; ; await delay(POLL_MS)) {
    const { name, jobs, blobs } = agent.status();
    const [image] = jobs.flatMap(({ images }) => images);
    if (image?.state === 'failed') throw new Error(`${name}: ${image.error?.text}`);
    // The tracker closes the job behind the last host, perhaps before we look again.
    const isClosed = wasThere && image === undefined;
    if (image?.state === 'ready' || (isClosed && blobs.every((blob) => blob.heldPieces === blob.pieces))) break;
    wasThere ||= image !== undefined;
  }
  tell('image');
}

/** @type {[atMs: number, download: number, upload: number][]} */
const grantLog = [];

/** Each change, with the time on the clock that all processes of this machine share. @param {import('@shoal/agent').Agent} agent */
function logGrants(agent) {
  setInterval(() => {
    const grants = agent.status().limits.yield?.grants;
    const [, download, upload] = grantLog.at(-1) ?? [];
    if (grants && (grants.download !== download || grants.upload !== upload))
      grantLog.push([machineMs(), grants.download, grants.upload]);
  }, GRANTS_MS);
}

async function main() {
  const agents = await Promise.all(argument.agents.map(start));
  for (const agent of agents) {
    agent.stopped.then((error) => error && failed(error), failed);
    while (agent.status().tracker.state !== 'connected') await delay(POLL_MS);
  }
  obey(
    {
      status: () => tell('status', { agents: agents.map((agent) => agent.status()) }),
      logGrants: () => agents[0] && logGrants(agents[0]),
      grants: () => tell('grants', { log: grantLog.splice(0) }),
      // Other orders need not wait for it.
      watch: () => void (agents[0] && watch(agents[0]).catch(failed)),
    },
    () => Promise.all(agents.map((agent) => agent.stop())),
  );
  tell('ready', { controlPort: agents[0]?.controlPort, proxyPort: agents[0]?.proxyPort });
}

main().catch(failed);
