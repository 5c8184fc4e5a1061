/*
 * The smallest BitTorrent tracker (BEP 3, compact as in BEP 23). Receivers' answers are held back until the bench gives
 * the order to start; then all who wait are introduced to the senders and to each other.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import bencode from 'bencode';
import { cleanUpAfter } from '../harness/cleanup.mjs';

const INTERVAL_SECONDS = 3600;

/** @typedef {{ host: string, port: number }} Peer */

/** @param {string} [address] where it listens */
export async function openAnnounce(address = '127.0.0.1') {
  /** @type {Peer[]} */
  const senders = [];
  /** @type {{ peer: Peer, answer: (peers: readonly Peer[]) => void }[]} */
  let held = [];
  const waiting = createSignal();
  const sending = createSignal();
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://tracker').searchParams;
    const peer = { host: request.socket.remoteAddress ?? '', port: Number(query.get('port')) };
    const answer = (/** @type {readonly Peer[]} */ peers) =>
      response.end(bencode.encode({ interval: INTERVAL_SECONDS, peers: compact(peers.filter((one) => one !== peer)) }));
    if (query.get('left') === '0' || query.get('event') === 'stopped') {
      // Who has just completed is a receiver that may be gone at the next transfer.
      if (query.get('event') === 'started') senders.push(peer);
      answer([]);
      sending.raise();
    } else {
      held.push({ peer, answer });
      waiting.raise();
    }
  });
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const close = cleanUpAfter(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://${address}:${port}/announce`,
    senderIsThere: () => sending.raised(),
    receiverWaits: () => waiting.raised(),
    waitingCount: () => held.length,
    /** The receivers learn of the others now. */
    letGo() {
      const peers = [...senders, ...held.map(({ peer }) => peer)];
      for (const { answer } of held) answer(peers);
      held = [];
      waiting.reset();
    },
    close,
  };
}

/** @param {readonly Peer[]} peers */
function compact(peers) {
  return Buffer.from(peers.flatMap(({ host, port }) => [...host.split('.').map(Number), port >> 8, port & 255]));
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
