import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../clock.testkit.ts';
import { layerDigest } from '../memory-source.testkit.ts';
import { startTracker, temporaryFolder } from '../tracker.testkit.ts';
import { createTracker } from '../tracker.ts';
import { announce, BLOB, holding, readTorrent, SHA1, sendSha1 } from './foreign.testkit.ts';
import { FOREIGN_INTERVAL_MS } from './foreign-fanout.ts';
import { MAX_WAIT_MS } from './sha1-desk.ts';

const ORDER = { digest: BLOB, host: 'desk-1' };

describe('a torrent', () => {
  it('is private, salted, and made of the SHA-1 list that a complete member gives', async () => {
    const { kit, torrent } = await holding();
    const { bytes, announceUrl } = await torrent();
    const text = bytes.toString('latin1');
    expect(announceUrl).toMatch(new RegExp(`^${kit.tracker.url}/announce/[0-9a-f]{40}$`));
    expect(text).toContain(`4:infod6:lengthi1000000e4:name71:${BLOB.replace(':', '-')}12:piece lengthi262144e`);
    expect(text).toContain(`6:pieces80:${SHA1.toString('latin1')}7:privatei1e4:salt32:`);
  });

  it('comes as a file of its own type', async () => {
    const { kit, torrent } = await holding();
    await torrent();
    const { token } = await kit.client.createToken({ role: 'admin', name: 'x' });
    const answer = await fetch(`${kit.tracker.url}/v1/torrents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(ORDER),
    });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([201, 'application/x-bittorrent']);
  });

  it('has one info hash for good and a passkey of its own each time; hashes are asked for once', async () => {
    const { kit, agent, torrent } = await holding();
    const first = await torrent();
    const second = readTorrent(await kit.client.createTorrent({ ...ORDER, host: 'desk-2' }));
    await kit.restart();
    const third = readTorrent(await kit.client.createTorrent({ ...ORDER, host: 'desk-3' }));
    expect(new Set([first.infoHash, second.infoHash, third.infoHash]).size).toBe(1);
    expect(new Set([first.passkey, second.passkey, third.passkey]).size).toBe(3);
    expect(agent.inbox.filter(({ type }) => type === 'sha1')).toEqual([]);
  });

  it('is another in another tracker, and does not show the swarm id', async () => {
    const [one, other] = [await holding(), await holding()];
    const { infoHash, bytes } = await one.torrent();
    expect((await other.torrent()).infoHash).not.toBe(infoHash);
    expect(bytes.toString('hex')).not.toContain(one.swarm);
    expect(infoHash).not.toBe(one.swarm);
  });

  it('announces where the operator says', async () => {
    const { torrent } = await holding({ publicUrl: 'https://tracker.example/shoal/' });
    expect((await torrent()).announceUrl).toMatch(/^https:\/\/tracker\.example\/shoal\/announce\/[0-9a-f]{40}$/);
  });

  it.each(['tracker.example', 'ftp://x', 'http://x/?y'])(
    'cannot announce at %s: the tracker does not start',
    async (publicUrl) => {
      const options = {
        dataDir: temporaryFolder(),
        host: '127.0.0.1',
        port: 0,
        version: '1',
        insecure: true,
        publicUrl,
      };
      const logger = { warn: () => {} } as never;
      const openSource = async () => {
        throw new Error('not here');
      };
      await expect(createTracker({ ...options, logger, openSource })).rejects.toMatchObject({
        ...{ code: 'BAD_OPTIONS', message: expect.stringContaining('publicUrl') },
      });
    },
  );
});

describe('the SHA-1 list', () => {
  it('cannot be had while no host that is online holds the whole blob', async () => {
    const { kit, agent } = await holding();
    await agent.close();
    await expect(kit.client.createTorrent(ORDER)).rejects.toMatchObject({
      ...{ code: 'NO_COMPLETE_MEMBER', status: 409, text: expect.stringContaining('POST /v1/jobs') },
    });
    await expect(kit.client.createTorrent({ ...ORDER, digest: layerDigest('none') })).rejects.toMatchObject({
      ...{ code: 'UNKNOWN_BLOB', status: 404, text: expect.stringContaining('POST /v1/jobs') },
    });
    expect(await kit.client.passkeys()).toEqual([]);
  });

  it('is asked of a seeder that holds the blob rather than of an agent', async () => {
    const { kit, agent, seeder, swarm } = await holding();
    seeder.send({ type: 'have', swarm, pieces: 4, complete: true });
    await seeder.settled();
    const made = kit.client.createTorrent(ORDER);
    await seeder.next('sha1');
    sendSha1(seeder, swarm);
    await made;
    expect(agent.inbox.filter(({ type }) => type === 'sha1')).toEqual([]);
  });

  it('counts only from the member that was asked', async () => {
    const { kit, agent, holder, swarm } = await holding();
    const other = await holder('other');
    sendSha1(agent, swarm, Buffer.alloc(80, 0xee));
    await agent.settled();
    const made = kit.client.createTorrent(ORDER);
    await agent.next('sha1');
    sendSha1(other, swarm, Buffer.alloc(80, 0xee));
    await other.settled();
    sendSha1(agent, swarm);
    expect((await made).includes(SHA1)).toBe(true);
  });

  it('is asked of another member when the first one leaves, cannot, or talks nonsense', async () => {
    const { kit, agent, holder, swarm } = await holding();
    const [second, third] = [await holder('second'), await holder('third')];
    const made = kit.client.createTorrent(ORDER);
    await agent.next('sha1');
    await agent.close();
    await second.next('sha1');
    sendSha1(second, swarm, Buffer.alloc(0));
    await third.next('sha1');
    sendSha1(third, swarm, Buffer.alloc(79));
    await expect(made).rejects.toMatchObject({ code: 'NO_SHA1_ANSWER', status: 504, retryable: true });
    expect(await third.state('disconnected')).toBeDefined();
    expect(second.states).toEqual([['connected', undefined]]);
  });

  it('is waited for so long and no longer; a late answer is too late', async () => {
    const clock = createManualClock();
    const { kit, agent, holder, swarm } = await holding({ clock });
    const second = await holder('second');
    const made = kit.client.createTorrent(ORDER);
    await agent.next('sha1');
    await Promise.all([agent.settled(), second.settled()]);
    clock.advance(10_010);
    await second.next('sha1');
    sendSha1(agent, swarm, Buffer.alloc(80, 0xee));
    await Promise.all([agent.settled(), second.settled()]);
    sendSha1(second, swarm);
    expect((await made).includes(SHA1)).toBe(true);
    expect(MAX_WAIT_MS).toBeLessThan(100_000);
  });

  it('is asked for once by two orders at the same time', async () => {
    const { kit, agent, swarm } = await holding();
    const both = ['x', 'y'].map((host) => kit.client.createTorrent({ digest: BLOB, host }));
    await agent.next('sha1');
    sendSha1(agent, swarm);
    await Promise.all(both);
    expect(agent.inbox.filter(({ type }) => type === 'sha1')).toEqual([]);
  });

  it('is no more waited for when the blob turns out to be wrong, and an old torrent ends with it', async () => {
    const { kit, seeder, agent, swarm, torrent } = await holding();
    const error = { code: 'DIGEST_MISMATCH', text: 'wrong', retryable: false };
    const old = await torrent();
    seeder.send({ type: 'seedFailed', swarm, error });
    await agent.next('retract');
    expect(await announce(old)).toMatch(/^d14:failure reason/);

    const second = await holding();
    const made = second.kit.client.createTorrent(ORDER);
    await second.agent.next('sha1');
    second.seeder.send({ type: 'seedFailed', swarm: second.swarm, error });
    await expect(made).rejects.toMatchObject({ code: 'NO_SHA1_ANSWER' });
    await expect(kit.client.createTorrent(ORDER)).rejects.toMatchObject({ code: 'UNKNOWN_BLOB' });
  });
});

describe('passkeys', () => {
  it('are listed with their host and their clients, without the secret', async () => {
    const { kit, torrent } = await holding();
    const made = await torrent('desk-1');
    await announce(made);
    const passkeys = await kit.client.passkeys();
    expect(passkeys).toEqual([
      {
        ...{ id: expect.any(String), digest: BLOB, host: 'desk-1', createdAt: expect.any(String) },
        clients: [{ host: '127.0.0.1', port: 6881 }],
      },
    ]);
    expect(JSON.stringify(passkeys)).not.toContain(made.passkey);
  });

  it('never reach the disk', async () => {
    const { kit, torrent } = await holding();
    const { passkey } = await torrent();
    const files = ['tracker.db', 'tracker.db-wal'].map((name) => readFileSync(join(kit.dataDir, name), 'latin1'));
    expect(files.some((file) => file.includes('desk-1'))).toBe(true);
    expect(files.some((file) => file.includes(passkey))).toBe(false);
  });

  it('end at once when they are revoked, with the clients they admitted', async () => {
    const clock = createManualClock();
    const { kit, agent, torrent } = await holding({ clock });
    const made = await torrent();
    await agent.next('foreign');
    await announce(made);
    clock.advance(FOREIGN_INTERVAL_MS);
    expect((await agent.next('foreign')).peers).toHaveLength(1);
    const [{ id } = { id: '' }] = await kit.client.passkeys();
    await kit.client.revokePasskey(id);
    clock.advance(FOREIGN_INTERVAL_MS);
    expect((await agent.next('foreign')).peers).toEqual([]);
    expect(await announce(made)).toContain('unknown passkey');
    await expect(kit.client.revokePasskey(id)).rejects.toMatchObject({ code: 'UNKNOWN_PASSKEY', status: 404 });
  });
});

describe('foreign peers', () => {
  it('are off by default, and every answer says what to set', async () => {
    const { client, tracker } = await startTracker();
    const off = { code: 'FOREIGN_PEERS_OFF', status: 404, text: expect.stringContaining('foreignPeers: true') };
    await expect(client.createTorrent(ORDER)).rejects.toMatchObject(off);
    await expect(client.passkeys()).rejects.toMatchObject(off);
    await expect(client.revokePasskey('x')).rejects.toMatchObject(off);
    const nobody = { bytes: Buffer.alloc(0), passkey: '', infoHash: '0'.repeat(40) };
    const answer = await announce({ ...nobody, announceUrl: `${tracker.url}/announce/${'0'.repeat(40)}` });
    expect(answer).toMatch(/^d14:failure reason\d+:.*foreignPeers: true/);
  });
});
