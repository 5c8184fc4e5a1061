/*
 * The smallest BitTorrent tracker (BEP 3, compact as in BEP 23) that introduces one sender to receivers. A receiver's
 * answer is held back until the bench gives the order to start.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import bencode from 'bencode';
import { cleanUpAfter } from '../harness/cleanup.mjs';

const INTERVAL_SECONDS = 3600;

export async function openAnnounce() {
  /** @type {number | undefined} */
  let senderPort;
  /** @type {(() => void)[]} */
  let held = [];
  const waiting = createSignal();
  const sending = createSignal();
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://tracker').searchParams;
    const answer = () => response.end(bencode.encode({ interval: INTERVAL_SECONDS, peers: compact(senderPort) }));
    if (query.get('left') === '0' || query.get('event') === 'stopped') {
      if (query.get('event') !== 'stopped') senderPort ??= Number(query.get('port'));
      answer();
      sending.raise();
    } else {
      held.push(answer);
      waiting.raise();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const close = cleanUpAfter(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${port}/announce`,
    senderIsThere: () => sending.raised(),
    receiverWaits: () => waiting.raised(),
    /** The receiver learns of the sender now. */
    letGo() {
      for (const answer of held) answer();
      held = [];
      waiting.reset();
    },
    close,
  };
}

/** @param {number | undefined} port */
function compact(port) {
  return port === undefined ? Buffer.alloc(0) : Buffer.from([127, 0, 0, 1, port >> 8, port & 255]);
}

function createSignal() {
  let isRaised = false;
  /** @type {(() => void)[]} */
  let waiters = [];
  return {
    raise() {
      isRaised = true;
      for (const waiter of waiters) waiter();
      waiters = [];
    },
    reset() {
      isRaised = false;
    },
    /** @returns {Promise<void>} */
    raised: () => (isRaised ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
  };
}
