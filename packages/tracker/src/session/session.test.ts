import { createPublicKey, sign } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { exportRawPublicKey, peerIdOfKey } from '@shoal/wire';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { AgentMessage, TrackerMessage } from '../client/index.ts';
import { createManualClock } from '../clock.testkit.ts';
import { systemClock } from '../clock.ts';
import { listTokens, revokeToken } from '../tokens.ts';
import { newKey, startTracker } from '../tracker.testkit.ts';
import { acceptSession, HEARTBEAT_MS, HELLO_TIMEOUT_MS } from './accept-session.ts';
import type { AgentSession } from './agent-session.ts';
import { createSessionHandler, type SessionHandlerDeps } from './session-handler.ts';
import { createSlices } from './slices.ts';

interface RawSocket {
  socket: WebSocket;
  next(): Promise<TrackerMessage>;
  closed: Promise<{ code: number; reason: string }>;
}

/** A socket that speaks for itself, to say what our own client never would. */
function rawSocket(url: string, token: string): RawSocket {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/session`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const queue: TrackerMessage[] = [];
  const waiting: ((message: TrackerMessage) => void)[] = [];
  socket.on('error', () => {});
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as TrackerMessage;
    const waiter = waiting.shift();
    if (waiter) waiter(message);
    else queue.push(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  const next = () => {
    const message = queue.shift();
    return message ? Promise.resolve(message) : new Promise<TrackerMessage>((resolve) => void waiting.push(resolve));
  };
  return { socket, next, closed };
}

function helloOf(nonce: string, changes: { signWith?: ReturnType<typeof newKey>; protocol?: number } = {}) {
  const key = newKey();
  const payload = Buffer.concat([Buffer.from('shoal-session-v1'), Buffer.from(nonce, 'base64url')]);
  return JSON.stringify({
    ...{ type: 'hello', protocol: changes.protocol ?? 1, version: '1', name: 'raw', peerPort: 7610, labels: {} },
    ...{ platform: { os: 'linux', architecture: 'amd64' }, engine: null },
    publicKey: exportRawPublicKey(key).toString('base64url'),
    signature: sign(null, payload, changes.signWith ?? key).toString('base64url'),
  });
}

async function challenged(): Promise<RawSocket & { nonce: string }> {
  const { tracker } = await startTracker();
  const raw = rawSocket(tracker.url, tracker.createToken('agent', 'raw'));
  const challenge = await raw.next();
  if (challenge.type !== 'challenge') throw new Error(`not a challenge: ${challenge.type}`);
  return { ...raw, nonce: challenge.nonce };
}

describe('the door', () => {
  it('answers a wrong join token with 401, and the agent stops as refused', async () => {
    const kit = await startTracker();
    const agent = await kit.agent('a', { token: 'shoal_agent_wrong', expectRefusal: true });
    const error = await agent.state('refused');
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', retryable: false });
    expect(agent.states).toHaveLength(1);
  });

  it('does not open a session for an admin token', async () => {
    const kit = await startTracker();
    const token = kit.tracker.createToken('admin', 'boss');
    const agent = await kit.agent('a', { token, expectRefusal: true });
    expect(await agent.state('refused')).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('refuses a hello that another key signed', async () => {
    const raw = await challenged();
    raw.socket.send(helloOf(raw.nonce, { signWith: newKey() }));
    expect(await raw.next()).toMatchObject({ type: 'refused', error: { code: 'BAD_SIGNATURE' } });
    expect(await raw.closed).toEqual({ code: 4000, reason: 'BAD_SIGNATURE' });
  });

  it('refuses a hello that signs the nonce of another session', async () => {
    const raw = await challenged();
    raw.socket.send(helloOf(Buffer.alloc(32).toString('base64url')));
    expect(await raw.next()).toMatchObject({ type: 'refused', error: { code: 'BAD_SIGNATURE' } });
  });

  it('refuses another protocol', async () => {
    const raw = await challenged();
    raw.socket.send(helloOf(raw.nonce, { protocol: 2 }));
    expect(await raw.next()).toMatchObject({ type: 'refused', error: { code: 'BAD_PROTOCOL' } });
  });

  it('takes nothing before hello', async () => {
    const raw = await challenged();
    raw.socket.send(JSON.stringify({ type: 'leave', swarm: '0'.repeat(40) }));
    expect((await raw.closed).reason).toBe('BAD_MESSAGE');
  });

  it('does not wait for a hello for ever', async () => {
    const clock = createManualClock();
    const { tracker } = await startTracker({ clock });
    const raw = rawSocket(tracker.url, tracker.createToken('agent', 'raw'));
    await raw.next();
    clock.advance(HELLO_TIMEOUT_MS);
    expect((await raw.closed).reason).toBe('HELLO_TIMEOUT');
  });
});

describe('a session', () => {
  it('names the agent by its key and keeps what its hello said', async () => {
    const kit = await startTracker();
    const agent = await kit.agent('host-1');
    expect(agent.peerId).toBe(peerIdOfKey(exportRawPublicKey(agent.privateKey)));
    const [host] = await kit.client.hosts();
    expect(host).toMatchObject({
      peerId: agent.peerId,
      name: 'host-1',
      role: 'agent',
      online: true,
      labels: { zone: 'a' },
    });
  });

  it.each([
    ['not JSON', 'nonsense', /not JSON/],
    ['no type', '{"kind":"reboot"}', /type/],
    ['a wrong field', '{"type":"have","swarm":"x","pieces":-1,"complete":true}', /swarm/],
    ['a second hello', 'hello', /second hello/],
  ])('closes with a named reason on %s', async (_title, text, words) => {
    const raw = await challenged();
    raw.socket.send(helloOf(raw.nonce));
    expect(await raw.next()).toMatchObject({ type: 'welcome' });
    expect(await raw.next()).toMatchObject({ type: 'policy' });
    raw.socket.send(text === 'hello' ? helloOf(raw.nonce) : text);
    const refused = await raw.next();
    expect(refused).toMatchObject({
      type: 'refused',
      error: { code: 'BAD_MESSAGE', text: expect.stringMatching(words) },
    });
    expect((await raw.closed).reason).toBe('BAD_MESSAGE');
  });

  it('passes over what only a newer agent says, and tells it once', async () => {
    const kit = await startTracker();
    const agent = await kit.agent('host-1');
    for (const type of ['reboot', 'dream']) agent.session.send({ type, of: 'sheep' } as unknown as AgentMessage);
    await agent.settled();
    expect(agent.states).toEqual([['connected', undefined]]);
    const told = kit.logs.filter((line) => line.includes('does not know yet'));
    expect(told.map((line) => JSON.parse(line))).toEqual([expect.objectContaining({ level: 40, foreign: 'reboot' })]);
  });

  it('closes when a message is over the cap', async () => {
    const raw = await challenged();
    raw.socket.send('x'.repeat(4 * 1024 * 1024 + 1));
    expect((await raw.closed).code).toBe(1009);
  });

  it('gives way to a newer one of the same key, and does not come back', async () => {
    const kit = await startTracker();
    const older = await kit.agent('a');
    const newer = await kit.agent('a', { privateKey: older.privateKey });
    expect(await older.state('refused')).toMatchObject({ code: 'SESSION_REPLACED' });
    await newer.settled();
    expect(await kit.client.hosts()).toMatchObject([{ peerId: newer.peerId, online: true }]);
  });

  it('ends when its token is revoked', async () => {
    const kit = await startTracker();
    const { id, token } = await kit.client.createToken({ role: 'agent', name: 'short' });
    const agent = await kit.agent('a', { token });
    await kit.client.revokeToken(id);
    expect(await agent.state('refused')).toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  it('ends when the agent answers no ping for an interval', async () => {
    const clock = createManualClock();
    const { tracker, client } = await startTracker({ clock });
    const raw = rawSocket(tracker.url, tracker.createToken('agent', 'raw'));
    const challenge = await raw.next();
    raw.socket.send(helloOf((challenge as { nonce: string }).nonce));
    await raw.next();
    raw.socket.pause();
    clock.advance(HEARTBEAT_MS);
    clock.advance(HEARTBEAT_MS);
    expect(await client.hosts()).toMatchObject([{ online: false }]);
    raw.socket.resume();
    await raw.closed;
  });

  it('ends at its next heartbeat when its token was revoked past the tracker, as the command line does', async () => {
    const clock = createManualClock();
    const kit = await startTracker({ clock });
    const agent = await kit.agent('a');
    const [token] = listTokens(kit.dataDir).filter(({ role }) => role === 'agent');
    expect(revokeToken(kit.dataDir, token?.id ?? '')).toBe(true);
    await agent.settled();
    clock.advance(HEARTBEAT_MS);
    expect(await agent.state('refused')).toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  it('shows what the card of a host did when it last moved something, for a minute and while the host is here', async () => {
    let aheadMs = 0;
    const kit = await startTracker({ clock: { ...systemClock, now: () => Date.now() + aheadMs } });
    const agent = await kit.agent('a');
    const none = { sentBytes: 0, receivedBytes: 0, remoteBytes: 0, originBytes: 0 };
    const card = { business: { download: 9e6, upload: 4 }, own: { download: 3e6, upload: 0 } };
    agent.send({ type: 'traffic', ...none, card });
    await agent.settled();
    expect((await kit.client.hosts())[0]?.card).toEqual({ ...card, at: expect.stringMatching(/Z$/) });
    agent.send({ type: 'traffic', ...none, sentBytes: 1 }); // a host whose card cannot be read any more
    await agent.settled();
    expect((await kit.client.hosts())[0]?.card).toMatchObject(card);
    aheadMs = 61_000;
    expect((await kit.client.hosts())[0]).not.toHaveProperty('card');
    agent.send({ type: 'traffic', ...none, card });
    await agent.settled();
    expect((await kit.client.hosts())[0]?.card).toMatchObject(card);
    await agent.close();
    await expect.poll(async () => (await kit.client.hosts())[0]?.online).toBe(false);
    expect((await kit.client.hosts())[0]).not.toHaveProperty('card');
  });

  it('shows the traffic an agent reports, also after it left', async () => {
    const kit = await startTracker();
    const agent = await kit.agent('a');
    const traffic = { sentBytes: 1, receivedBytes: 2, remoteBytes: 1, originBytes: 3 };
    agent.send({ type: 'traffic', ...traffic });
    await agent.settled();
    expect(await kit.client.hosts()).toMatchObject([{ traffic, online: true }]);
    await kit.restart();
    await agent.next('welcome');
    expect(await kit.client.hosts()).toHaveLength(1);
  });

  it('ends without ending the tracker, whatever fails then', () => {
    const logs: string[] = [];
    const log = pino({}, { write: (line) => void logs.push(line) });
    const handler = {
      opened: () => {},
      message: () => {},
      closed: () => {
        throw new Error('disk full');
      },
    };
    const sent: { nonce: string }[] = [];
    const send = (text: string) => void sent.push(JSON.parse(text));
    const socket = Object.assign(new EventEmitter(), {
      ...{ readyState: WebSocket.OPEN, bufferedAmount: 0, send, resume() {} },
    });
    acceptSession(
      socket as unknown as WebSocket,
      { role: 'agent', tokenId: 'id', remoteAddress: '127.0.0.1' },
      { handler, clock: createManualClock(), log, slices: createSlices(), isGood: () => true },
    );
    socket.emit('message', helloOf(sent[0]?.nonce ?? ''));
    expect(() => socket.emit('close')).not.toThrow();
    expect(logs.join()).toContain('disk full');
  });

  it('that ends leaves roster, swarms and jobs, also when one of them fails', () => {
    const left: string[] = [];
    const failing = (part: string) => () => {
      left.push(part);
      throw new Error(part);
    };
    const handler = createSessionHandler({
      presence: { remove: () => true },
      roster: { left: failing('roster') },
      fleet: { closed: failing('fleet') },
      swarms: { closed: failing('swarms') },
      jobs: { closed: failing('jobs') },
      secrets: { publicKey: createPublicKey(newKey()) },
      log: pino({ level: 'silent' }),
    } as unknown as SessionHandlerDeps);
    handler.closed({ peerId: '', name: '' } as AgentSession);
    expect(left).toEqual(['roster', 'fleet', 'swarms', 'jobs']);
  });

  it('never writes a token into the log', async () => {
    const kit = await startTracker();
    const { token } = await kit.client.createToken({ role: 'agent', name: 'secret' });
    await (await kit.agent('a', { token })).settled();
    await (await kit.agent('b', { token: `${token}x`, expectRefusal: true })).state('refused');
    expect(kit.logs.join('\n')).not.toContain('shoal_');
  });
});
