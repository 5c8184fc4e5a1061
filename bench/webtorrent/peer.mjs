/*
 * One webtorrent client for the bench: TCP on loopback, nothing that looks for peers. Arguments: seed|leech, torrent
 * file, folder.
 */
import { readFileSync } from 'node:fs';
import WebTorrent from 'webtorrent';
import { failed, obey, tell } from '../programs/line-protocol.mjs';

const [role, torrentFile, folder] = process.argv.slice(2);
const torrent = readFileSync(torrentFile ?? '');
const client = new WebTorrent({
  dht: false,
  tracker: false,
  lsd: false,
  utp: false,
  utPex: false,
  natUpnp: false,
  natPmp: false,
});

client.on('error', failed);
if (role === 'seed') seed();
else leech();

function seed() {
  client.add(torrent, { path: folder }, (/** @type {any} */ added) => {
    if (added.done) tell('ready', { port: client.torrentPort });
    else added.once('done', () => tell('ready', { port: client.torrentPort }));
  });
  obey({});
}

function leech() {
  obey({
    start: (/** @type {{ port: number }} */ { port }) => {
      const added = client.add(torrent, { path: folder });
      added.once('done', () => tell('complete'));
      added.once('infoHash', () => added.addPeer(`127.0.0.1:${port}`));
    },
  });
  tell('ready');
}
