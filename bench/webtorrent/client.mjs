/*
 * webtorrent as a plain client: downloads a torrent by its announce URL, says `complete`, and seeds until it is ended.
 * Arguments: torrent file, folder, port. For the tests of foreign clients.
 */
import { readFileSync } from 'node:fs';
import WebTorrent from 'webtorrent';

const [torrentFile = '', folder, port] = process.argv.slice(2);
const client = new WebTorrent({
  dht: false,
  lsd: false,
  utp: false,
  natUpnp: false,
  natPmp: false,
  torrentPort: Number(port),
});
client.on('error', (/** @type {unknown} */ error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
client.add(readFileSync(torrentFile), { path: folder }, (/** @type {any} */ torrent) => {
  torrent.once('done', () => process.stdout.write('complete\n'));
});
