import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../clock.testkit.ts';
import type { TestAgent } from '../tracker.testkit.ts';
import { type AnnounceChanges, announce, BLOB, compactPeers, holding, PIECES, SIZE } from './foreign.testkit.ts';
import { FOREIGN_INTERVAL_MS } from './foreign-fanout.ts';

describe('an announce', () => {
  it('is answered with the members, compact and every 30 seconds', async () => {
    const { holder, torrent } = await holding();
    await holder('h', { peerHost: '10.0.0.2' });
    const answer = await announce(await torrent());
    expect(answer).toMatch(/^d8:intervali30e5:peers18:/);
    expect(compactPeers(answer).sort()).toEqual(['10.0.0.1:7610', '10.0.0.2:7610', '127.0.0.1:7610']);
  });

  it('names members without an IP address only to who takes no compact form', async () => {
    const { holder, torrent } = await holding();
    await holder('named', { peerHost: 'node-2.example' });
    await holder('six', { peerHost: '2001:db8::6' });
    const made = await torrent();
    const compact = await announce(made);
    expect(compact).not.toContain('node-2');
    expect(compact).toContain('6:peers618:');
    const full = await announce(made, { compact: 0 });
    expect(full).toContain('2:ip14:node-2.example');
    expect(full).toContain('2:ip11:2001:db8::6');
  });

  it('gets as many peers as it wants, and never itself', async () => {
    const { torrent, seeder } = await holding();
    const made = await torrent();
    expect(compactPeers(await announce(made, { numwant: 1 }))).toHaveLength(1);
    expect(compactPeers(await announce(made, { numwant: 0 }))).toEqual([]);
    expect(compactPeers(await announce(made, { port: 7610 }))).toEqual(['10.0.0.1:7610']);
    expect(compactPeers(await announce(made, { peerId: seeder.peerId }))).toEqual(['10.0.0.1:7610']);
  });

  it('is answered also when no member is online', async () => {
    const { kit, torrent } = await holding();
    const made = await torrent();
    await kit.restart();
    expect(await announce(made, { compact: 0 })).toMatch(/^d8:intervali30e5:peersl/);
  });

  it.each<[string, string, AnnounceChanges & { passkey?: string }]>([
    ['an unknown passkey', 'unknown passkey', { passkey: 'f'.repeat(40) }],
    ['no passkey', 'unknown passkey', { passkey: '' }],
    ['a passkey without end', 'unknown passkey', { passkey: `${'f'.repeat(4000)}/x` }],
    ['the info hash of something else', 'not for this torrent', { infoHash: '00'.repeat(20) }],
    ['a malformed query', 'malformed announce: port', { port: 70_000 }],
  ])('with %s is refused in words, bencoded', async (_title, words, { passkey, ...changes }) => {
    const { kit, torrent } = await holding();
    const made = await torrent();
    const announceUrl = passkey === undefined ? made.announceUrl : `${kit.tracker.url}/announce/${passkey}`;
    const answer = await announce({ ...made, announceUrl }, changes);
    expect(answer).toMatch(/^d14:failure reason\d+:/);
    expect(answer).toContain(words);
    expect((await kit.client.passkeys()).flatMap(({ clients }) => clients)).toEqual([]);
  });

  it('is refused when the blob has too many clients', async () => {
    const { torrent } = await holding();
    const made = await torrent();
    for (let port = 1; port <= 200; port++) await announce(made, { port, numwant: 0 });
    expect(await announce(made, { port: 201 })).toContain('too many clients');
    expect(await announce(made, { port: 200 })).toContain('8:interval');
  });

  it('counts for the address it came from, whatever it says', async () => {
    const { kit, torrent } = await holding();
    await announce(await torrent(), { ip: '192.0.2.1', ipv6: '2001:db8::1' });
    expect(await kit.client.passkeys()).toMatchObject([{ clients: [{ host: '127.0.0.1', port: 6881 }] }]);
  });

  it('leaves no passkey in the log, not even when it cannot be parsed', async () => {
    const { kit, torrent } = await holding();
    const made = await torrent();
    await announce(made);
    await announce(made, { port: -1 });
    await fetch(made.announceUrl, { method: 'POST' });
    await broken(kit.tracker.port, `GET /announce/${made.passkey} HTTP/1.1\r\nno header\r\n\r\n`);
    const log = kit.logs.join('\n');
    expect(log).toContain('client error');
    expect(log).not.toContain(made.passkey);
    expect(log).not.toContain(made.infoHash);
    expect(log).not.toContain([...Buffer.from(made.passkey)].join(','));
  });
});

/** Sends what is no HTTP and waits for the end of the line. */
function broken(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.resume();
    socket.on('close', () => resolve());
  });
}

describe('the members', () => {
  it('learn the info hash at once when the torrent is made, and each client when it comes and goes', async () => {
    const { agent, seeder, swarm, torrent } = await holding();
    const made = await torrent();
    const peers = [{ host: '127.0.0.1', port: 6881 }];
    for (const member of [agent, seeder]) {
      expect(await member.next('foreign')).toEqual({ type: 'foreign', swarm, infoHash: made.infoHash, peers: [] });
    }
    await announce(made, { event: 'started' });
    for (const member of [agent, seeder]) expect((await member.next('foreign')).peers).toEqual(peers);
    await announce(made, { event: 'completed' });
    expect(compactPeers(await announce(made, { event: 'stopped' }))).toEqual([]);
    for (const member of [agent, seeder]) expect((await member.next('foreign')).peers).toEqual([]);
    await Promise.all([agent.settled(), seeder.settled()]);
    expect([...agent.inbox, ...seeder.inbox].filter(({ type }) => type === 'foreign')).toEqual([]);
  });

  it('hear of clients that come together in one list', async () => {
    const clock = createManualClock();
    const { agent, torrent } = await holding({ clock });
    const made = await torrent();
    expect((await agent.next('foreign')).peers).toEqual([]);
    for (const port of [1, 2, 3]) await announce(made, { port });
    await agent.settled();
    expect(agent.inbox.filter(({ type }) => type === 'foreign')).toEqual([]);
    clock.advance(FOREIGN_INTERVAL_MS);
    expect((await agent.next('foreign')).peers.map(({ port }) => port)).toEqual([1, 2, 3]);
  });

  it('hear that a client is gone when it lets two intervals pass', async () => {
    const clock = createManualClock();
    const { agent, seeder, torrent } = await holding({ clock });
    const made = await torrent();
    await agent.next('foreign');
    await announce(made);
    clock.advance(FOREIGN_INTERVAL_MS);
    expect((await agent.next('foreign')).peers).toHaveLength(1);
    for (let beat = 0; beat < 4; beat++) {
      // The test's clock runs faster than the line: between two heartbeats each must be heard.
      await Promise.all([agent.settled(), seeder.settled()]);
      clock.advance(15_000);
    }
    expect((await agent.next('foreign')).peers).toEqual([]);
  });

  it('are told right behind joined, holders as well as those that download', async () => {
    const { kit, holder, torrent, swarm } = await holding();
    const made = await torrent();
    await announce(made);
    const late = await holder('late');
    const peers = [{ host: '127.0.0.1', port: 6881 }];
    expect(await late.next('foreign')).toEqual({ type: 'foreign', swarm, infoHash: made.infoHash, peers });
    const leecher = await kit.agent('new');
    const { id: jobId } = await kit.client.createJob({ images: ['r.test/team/app:1'], hosts: ['new'] });
    leecher.send({ type: 'join', request: 1, digest: BLOB, jobId });
    await leecher.settled();
    expect(typesOf(leecher)).toEqual(['job', 'joined', 'foreign']);
  });

  it('are told with seed, too', async () => {
    const { kit, agent, seeder, torrent, jobId } = await holding();
    await torrent();
    await agent.close();
    await seeder.close();
    const other = await kit.agent('s2', { role: 'seeder' });
    const again = await kit.agent('a', { privateKey: agent.privateKey });
    await again.join(BLOB, jobId);
    await other.settled();
    expect(typesOf(other)).toEqual(['seed', 'foreign']);
  });

  it('hear nothing of a blob without a torrent', async () => {
    const { agent, seeder } = await holding();
    await Promise.all([agent.settled(), seeder.settled()]);
    expect([...typesOf(agent), ...typesOf(seeder)]).not.toContain('foreign');
  });

  it('hear of a client only after its next announce when the tracker was restarted', async () => {
    const { kit, agent, torrent } = await holding();
    const made = await torrent();
    await announce(made);
    await kit.restart();
    await agent.next('welcome');
    agent.inbox.length = 0;
    agent.send({ type: 'cached', blobs: [{ digest: BLOB, size: SIZE, pieces: PIECES, complete: true }] });
    expect((await agent.next('foreign')).peers).toEqual([]);
    await announce(made);
    expect((await agent.next('foreign')).peers).toEqual([{ host: '127.0.0.1', port: 6881 }]);
  });
});

const typesOf = ({ inbox }: TestAgent) => inbox.map(({ type }) => type).filter((type) => type !== 'neighbours');
