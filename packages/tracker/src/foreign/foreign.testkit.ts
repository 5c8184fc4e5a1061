/** A tracker with a blob that one agent holds, and a foreign client that says what a test wants it to say. */
import { createHash } from 'node:crypto';
import { createMemorySource, imageIn, layerDigest } from '../memory-source.testkit.ts';
import {
  hashesOf,
  startTracker,
  type TestAgent,
  type TestTracker,
  type TestTrackerOptions,
} from '../tracker.testkit.ts';

export const SIZE = 1_000_000; // four pieces of 256 KiB
export const PIECES = 4;
export const BLOB = layerDigest('base');
export const SHA1 = Buffer.concat(Array.from({ length: PIECES }, (_, index) => Buffer.alloc(20, index + 1)));

export interface Holding {
  kit: TestTracker;
  seeder: TestAgent;
  /** It holds the whole blob. */
  agent: TestAgent;
  swarm: string;
  jobId: string;
  /** Another agent with the whole blob. */
  holder(name: string, options?: Parameters<TestTracker['agent']>[1]): Promise<TestAgent>;
  /** A .torrent, its SHA-1 list given by the agent if it is asked. */
  torrent(host?: string): Promise<TestTorrent>;
}

export interface TestTorrent {
  bytes: Buffer;
  announceUrl: string;
  passkey: string;
  /** 40 hex digits, of the bytes as they stand in the file. */
  infoHash: string;
}

export async function holding(options: TestTrackerOptions = {}): Promise<Holding> {
  const source = createMemorySource();
  source.tag('team/app:1', imageIn(source, { layers: [{ name: 'base', size: SIZE }] }));
  const kit = await startTracker({ source, foreignPeers: true, ...options });
  const seeder = await kit.agent('s', { role: 'seeder' });
  const agent = await kit.agent('a', { peerHost: '10.0.0.1' });
  const { id: jobId } = await kit.client.createJob({ images: ['r.test/team/app:1'], hosts: ['a'] });
  const { swarm } = await agent.join(BLOB, jobId);
  await seeder.next('seed');
  seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, PIECES), originBytes: SIZE });
  await agent.next('hashes');
  agent.send({ type: 'have', swarm, pieces: PIECES, complete: true });
  await agent.settled();
  const held = { digest: BLOB, size: SIZE, pieces: PIECES, complete: true };
  return {
    ...{ kit, seeder, agent, swarm, jobId },
    holder: async (name, agentOptions) => {
      const holder = await kit.agent(name, agentOptions);
      holder.send({ type: 'cached', blobs: [held] });
      await holder.next('joined');
      return holder;
    },
    torrent: async (host = 'desk-1') => {
      const made = kit.client.createTorrent({ digest: BLOB, host });
      const asked = agent.next('sha1').then(() => sendSha1(agent, swarm));
      await Promise.race([made, asked]);
      return readTorrent(await made);
    },
  };
}

export function sendSha1(agent: TestAgent, swarm: string, hashes = SHA1): void {
  agent.send({ type: 'sha1Hashes', swarm, hashes: hashes.toString('base64') });
}

export function readTorrent(bytes: Buffer): TestTorrent {
  const text = bytes.toString('latin1');
  const announceUrl = /^d8:announce\d+:(http\S+?\/announce\/[0-9a-f]{40})/.exec(text)?.[1] ?? '';
  // The info dictionary is the last value of the outer one.
  const info = bytes.subarray(text.indexOf('4:infod') + 6, -1);
  const infoHash = createHash('sha1').update(info).digest('hex');
  return { bytes, announceUrl, passkey: announceUrl.slice(-40), infoHash };
}

export interface AnnounceChanges {
  infoHash?: string;
  peerId?: string;
  port?: number;
  [key: string]: string | number | undefined;
}

/** What a client asks; ids are hex here and bytes on the wire. */
export function announceQuery({ infoHash = '', peerId, port = 6881, ...rest }: AnnounceChanges): string {
  const percent = (hex: string) => hex.replace(/../g, '%$&');
  const id = peerId ?? Buffer.from('-XX0001-0123456789ab').toString('hex');
  const others = Object.entries(rest).map(([key, value]) => `&${key}=${value}`);
  return `info_hash=${percent(infoHash)}&peer_id=${percent(id)}&port=${port}&left=1${others.join('')}`;
}

/** The answer as text, one character a byte. */
export async function announce({ announceUrl, infoHash }: TestTorrent, changes: AnnounceChanges = {}): Promise<string> {
  const answer = await fetch(`${announceUrl}?${announceQuery({ infoHash, ...changes })}`);
  if (answer.status !== 200 || !answer.headers.get('content-type')?.startsWith('text/plain')) {
    throw new Error(`not an answer for a BitTorrent client: ${answer.status} ${answer.headers.get('content-type')}`);
  }
  return Buffer.from(await answer.arrayBuffer()).toString('latin1');
}

/** `host:port` of each peer of a compact IPv4 answer. */
export function compactPeers(answer: string): string[] {
  const list = /5:peers(\d+):/.exec(answer);
  const start = list ? list.index + list[0].length : 0;
  const bytes = Buffer.from(answer.slice(start, start + Number(list?.[1] ?? 0)), 'latin1');
  return Array.from({ length: bytes.length / 6 }, (_, index) => bytes.subarray(index * 6, index * 6 + 6)).map(
    (peer) => `${peer.subarray(0, 4).join('.')}:${peer.readUInt16BE(4)}`,
  );
}
