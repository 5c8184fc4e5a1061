/*
 * Thousands of agents that have sessions with a tracker and nothing else: they join what jobs name, take the hashes, say
 * every `reportMs` what they have, and are ready when all hashes have come. One seeder publishes hashes of a blob it
 * never read. Argument: JSON { url, agentToken, seederToken, count, piecesPerSecond, reportEveryMs? }. With `reportEveryMs`
 * nobody publishes anything: agents say so often that they have one piece more.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { connectSession } from '@shoal/tracker/client';
import { failed, obey, tell } from './line-protocol.mjs';

const { url, agentToken, seederToken, count, piecesPerSecond, reportEveryMs } = JSON.parse(process.argv[2] ?? '{}');
const HASH_BYTES = 32;
const CONNECTING = 100;
/** As agents do: what they hold and moved is said less often than what a job does. */
const FEWER = 4;
/** One process stands for all of them, and is busier than any: it must not take its own delays for silence. */
const HEARTBEAT_MS = 120_000;
const PLATFORM = { os: 'linux', architecture: 'amd64' };

const tally = { connected: 0, joined: 0, hashMessages: 0, complete: 0, ready: 0, lost: 0 };

/** @param {{ name: string, token: string, index: number, onMessage(session: any, message: any): void }} options */
function connect({ name, token, index, onMessage }) {
  return new Promise((resolve, reject) => {
    const session = connectSession({
      url,
      token,
      heartbeatMs: HEARTBEAT_MS,
      privateKey: generateKeyPairSync('ed25519').privateKey,
      hello: () => ({
        ...{ version: 'bench', name, platform: PLATFORM, engine: { version: '27.0', store: 'classic' } },
        ...{ peerPort: 7610, peerHost: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` },
        labels: { zone: `rack-${index % 100}`, env: 'prod' },
      }),
      onMessage: (message) => {
        if (message.type === 'welcome') resolve(session);
        else onMessage(session, message);
      },
      onState: (state, error) => {
        if (state === 'refused') reject(new Error(error?.text));
        if (state === 'disconnected' && tally.lost++ === 0) failed(new Error(`a session was lost: ${error?.text}`));
      },
    });
  });
}

/** @param {number} index */
async function startAgent(index) {
  /** @type {{ jobId: string, reference: string, swarm: string, size: number, pieces: number, known: number, state: string } | undefined} */
  let work;
  /** @type {any} */
  let own;
  let reports = index;
  const addHashes = (/** @type {string} */ text) => {
    if (work === undefined) return;
    work.known += Buffer.byteLength(text, 'base64') / HASH_BYTES;
    if (work.known === work.pieces) tally.complete++;
  };
  own = await connect({
    ...{ name: `host-${index}`, token: agentToken, index },
    onMessage(session, message) {
      if (message.type === 'job') {
        const [image] = message.images;
        const layer = JSON.parse(Buffer.from(image.manifest.data, 'base64').toString()).layers[0];
        work = {
          jobId: message.jobId,
          reference: image.reference,
          swarm: '',
          size: layer.size,
          pieces: 0,
          known: 0,
          state: 'fetching',
        };
        session.send({ type: 'join', request: 1, digest: layer.digest, jobId: message.jobId });
        const everyMs = reportEveryMs ?? message.reportMs;
        setTimeout(
          () => {
            const timer = setInterval(() => report(timer), everyMs);
          },
          (everyMs * index) / count,
        );
      } else if (message.type === 'joined' && work !== undefined) {
        tally.joined++;
        work.swarm = message.swarm;
        work.pieces = Math.ceil(message.size / message.pieceLength);
        addHashes(message.hashes);
      } else if (message.type === 'hashes') {
        tally.hashMessages++;
        addHashes(message.hashes);
      }
    },
  });
  const report = (/** @type {NodeJS.Timeout} */ timer) => {
    if (work === undefined || work.pieces === 0) return;
    if (reportEveryMs !== undefined && work.known < work.pieces) work.known++;
    const { jobId, reference, swarm, size, pieces, known } = work;
    if (work.state === 'loading') work.state = 'ready';
    else if (known === pieces) work.state = 'loading';
    const haveBytes = Math.floor((size * known) / pieces);
    const feeders = Array.from({ length: 8 }, (_, at) => ({
      name: `host-${(index + at) % count}`,
      bytes: Math.floor(haveBytes / 8),
    }));
    const bytes = { imageBytes: size, wantedBytes: size, haveBytes, peerBytes: haveBytes, resumedBytes: 0 };
    const image = { reference, state: work.state, ...bytes, archiveBytes: 0, feeders };
    if (reports++ % FEWER === 0) {
      own.send({ type: 'have', swarm, pieces: known, complete: known === pieces });
      own.send({ type: 'traffic', sentBytes: haveBytes, receivedBytes: haveBytes, remoteBytes: 0, originBytes: 0 });
    }
    own.send({ type: 'report', jobId, images: [image] });
    if (work.state !== 'ready') return;
    clearInterval(timer);
    own.send({ type: 'leave', swarm });
    if (++tally.ready === count) tell('allReady');
  };
}

async function startSeeder() {
  await connect({
    ...{ name: 'seeder', token: seederToken, index: count },
    onMessage(session, message) {
      if (message.type !== 'seed' || reportEveryMs !== undefined) return;
      const { swarm, size, pieceLength } = message;
      const pieces = Math.ceil(size / pieceLength);
      let next = 0;
      const timer = setInterval(() => {
        const hashes = randomBytes(HASH_BYTES).toString('base64');
        session.send({
          type: 'publish',
          swarm,
          first: next++,
          hashes,
          originBytes: Math.min(size, next * pieceLength),
        });
        if (next === pieces) clearInterval(timer);
      }, 1000 / piecesPerSecond);
    },
  });
}

async function main() {
  await startSeeder();
  for (let index = 0; index < count; index += CONNECTING) {
    const some = Array.from({ length: Math.min(CONNECTING, count - index) }, (_, at) => startAgent(index + at));
    await Promise.all(some);
    tally.connected += some.length;
  }
  obey({ tally: () => tell('tally', tally) }, async () => process.exit(0));
  tell('ready', { connected: tally.connected });
}

main().catch(failed);
