/*
 * One plain TCP transfer. Argument: JSON { listen: address } tells `ready` with its port, and `received` with bytes and
 * seconds from the first to the last; { connect: address, port, bytes } sends.
 */
import { connect, createServer } from 'node:net';
import { failed, obey, tell } from './line-protocol.mjs';

const CHUNK = Buffer.alloc(64 * 1024);

const { listen, connect: host, port, bytes } = JSON.parse(process.argv[2] ?? '{}');

function receive() {
  const server = createServer((socket) => {
    let [first, received] = [0, 0];
    socket.on('data', (chunk) => {
      first ||= performance.now();
      received += chunk.length;
    });
    socket.on('end', () => tell('received', { bytes: received, seconds: (performance.now() - first) / 1000 }));
    socket.on('error', failed);
  });
  server.on('error', failed);
  server.listen(0, listen, () =>
    tell('ready', { port: /** @type {import('node:net').AddressInfo} */ (server.address()).port }),
  );
}

function send() {
  const socket = connect(port, host);
  socket.on('error', failed);
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const chunk = CHUNK.subarray(0, left);
      left -= chunk.length;
      if (!socket.write(chunk)) return;
    }
    socket.end();
  };
  socket.on('drain', more);
  more();
}

obey({});
if (listen === undefined) send();
else receive();
