/*
 * Business traffic between two hosts: a paced TCP stream each way, and a UDP ping every 5 ms. Argument: JSON { listen } for
 * the far end, which tells `ready` with its ports, or { device, connect, tcp, udp } for the host itself, which also counts
 * its card. Orders: { do: 'pace', bytesPerSecond } (on the wire, 0 is none), { do: 'samples' }. Both ends run before others,
 * as a business host's processors would be its own.
 */
import { createSocket } from 'node:dgram';
import { createServer, connect as dial } from 'node:net';
import { setPriority } from 'node:os';
import { machineMs } from '../harness/machine-clock.mjs';
import { openNicReader } from '../harness/nic-reader.mjs';
import { failed, obey, tell } from './line-protocol.mjs';

const { listen, device, connect: host, tcp, udp } = JSON.parse(process.argv[2] ?? '{}');

const PRIORITY = -15;
const PACE_MS = 1;
const PING_MS = 5;
const SAMPLE_MS = 10;
const SEGMENT = 1448;
const FRAME = 1514;
/** What could not be sent for so long is lost, not late. */
const LATE_MS = 20;
const MOST_WAITING_BYTES = 128 * 1024;
const BYTES = Buffer.alloc(64 * SEGMENT * 8);

let bytesPerSecond = 0;
let receivedFrames = 0;
let sentFrames = 0;
let wantedFrames = 0;

/** @param {import('node:net').Socket} socket */
function stream(socket) {
  socket.setNoDelay(true);
  socket.on('error', failed);
  socket.on('data', (chunk) => {
    receivedFrames += chunk.length / SEGMENT;
  });
  let dueFrames = 0;
  let before = machineMs();
  setInterval(() => {
    const now = machineMs();
    const more = (Math.min(now - before, LATE_MS) * bytesPerSecond) / 1000 / FRAME;
    wantedFrames += ((now - before) * bytesPerSecond) / 1000 / FRAME;
    before = now;
    dueFrames += more;
    const frames = Math.floor(dueFrames);
    dueFrames -= frames;
    if (frames === 0 || socket.writableLength > MOST_WAITING_BYTES) return;
    socket.write(BYTES.subarray(0, frames * SEGMENT));
    sentFrames += frames;
  }, PACE_MS);
}

function beFarEnd() {
  const echo = createSocket('udp4');
  echo.on('message', (message, from) => echo.send(message, from.port, from.address));
  const server = createServer(stream);
  echo.bind(0, listen, () =>
    server.listen(0, listen, () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      tell('ready', { tcp: port, udp: echo.address().port });
    }),
  );
}

function beHost() {
  const read = openNicReader(device);
  /** @type {number[][]} */
  const samples = [];
  /** @type {[number, number][]} */
  const pings = [];
  stream(dial(tcp, host));
  const ping = createSocket('udp4');
  ping.on('message', (message) => {
    const sentAt = message.readDoubleLE(0);
    pings.push([sentAt, machineMs() - sentAt]);
  });
  ping.bind(0, () => {
    setInterval(() => {
      const message = Buffer.alloc(64);
      message.writeDoubleLE(machineMs(), 0);
      ping.send(message, udp, host);
    }, PING_MS);
    tell('ready');
  });
  setInterval(
    () => samples.push([...read(), receivedFrames * FRAME, sentFrames * FRAME, wantedFrames * FRAME]),
    SAMPLE_MS,
  );
  obeyAll(() => tell('samples', { samples: samples.splice(0), pings: pings.splice(0) }));
}

/** @param {() => void} samples */
function obeyAll(samples) {
  obey({
    pace: (/** @type {{ bytesPerSecond: number }} */ order) => {
      bytesPerSecond = order.bytesPerSecond;
    },
    samples,
  });
}

setPriority(PRIORITY);
if (listen === undefined) beHost();
else {
  beFarEnd();
  obeyAll(() => {});
}
