/*
 * The bench's own BitTorrent tracker (peers/announce.mjs) as a program, for a namespace. Argument: the address to listen
 * on. Tells `ready` with its URL, `sender` when the sender is there; { do: 'count' } is answered with how many receivers
 * wait, { do: 'letGo' } introduces them.
 */
import { openAnnounce } from '../peers/announce.mjs';
import { failed, obey, tell } from './line-protocol.mjs';

async function main() {
  const announce = await openAnnounce(process.argv[2]);
  void announce.senderIsThere().then(() => tell('sender'));
  obey({ count: () => tell('count', { waiting: announce.waitingCount() }), letGo: announce.letGo }, announce.close);
  tell('ready', { url: announce.url });
}

main().catch(failed);
