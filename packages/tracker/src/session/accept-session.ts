/**
 * One WebSocket of an agent: challenge, hello, heartbeat, then message after message to its handler.
 * Decides when a session begins and that it ends once. Does not decide what messages mean.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { type RawData, WebSocket } from 'ws';
import type { AgentMessage, AgentRole, Hello, TrackerMessage } from '../client/session-messages.ts';
import { NOTHING_MOVED, type SessionError } from '../client/shapes.ts';
import { type Clock, every } from '../clock.ts';
import { sessionError, TrackerError } from '../errors.ts';
import type { AgentSession } from './agent-session.ts';
import { plainAddress, verifyHello } from './hello.ts';
import { parseAgentMessage } from './parse-message.ts';
import type { Slices } from './slices.ts';

export const HEARTBEAT_MS = 15_000;
export const HELLO_TIMEOUT_MS = 10_000;
/** What may wait in memory for an agent that does not read. */
const MAX_BUFFERED_BYTES = 128 * 1024 * 1024;
/** Close codes from 4000 on are an application's own; the reason is the error's code. */
const CLOSE_REFUSED = 4000;
const NONCE_BYTES = 32;

export interface Admission {
  role: AgentRole;
  tokenId: string;
  remoteAddress: string;
}

export interface SessionHandler {
  opened(session: AgentSession): void;
  /** May throw TrackerError: the session is refused with it. */
  message(session: AgentSession, message: Exclude<AgentMessage, Hello>): void;
  closed(session: AgentSession): void;
}

export interface AcceptDeps {
  handler: SessionHandler;
  clock: Clock;
  log: Logger;
  /** Of all sessions together. */
  slices: Slices;
  /** Whether there still is a token with this id: `shoal token revoke` writes past the tracker. */
  isGood(tokenId: string): boolean;
}

export function acceptSession(socket: WebSocket, admission: Admission, deps: AcceptDeps): void {
  const { handler, clock, log, slices } = deps;
  const nonce = randomBytes(NONCE_BYTES);
  let session: AgentSession | undefined;
  let ended = false;
  let hasPassedOver = false;
  const end = () => {
    if (ended) return;
    ended = true;
    stopHeartbeat();
    cancelHelloTimeout();
    try {
      if (session) handler.closed(session);
    } catch (error) {
      // Called by sockets and timers: nobody else catches it.
      log.error({ peerId: session?.peerId, err: error }, 'the end of a session failed');
    }
  };
  const line = lineOf(socket, end, () => ended);
  const cancelHelloTimeout = clock.after(HELLO_TIMEOUT_MS, () => line.refuse(sessionError('HELLO_TIMEOUT')));
  const stopHeartbeat = startHeartbeat(socket, clock, {
    dead: end,
    beat: () => {
      if (!deps.isGood(admission.tokenId)) line.refuse(sessionError('TOKEN_REVOKED'));
    },
  });

  // An agent that is newer must not lose its session over what an older tracker cannot do.
  const passOver = (foreign: string) => {
    if (!hasPassedOver)
      log.warn({ peerId: session?.peerId, foreign }, 'an agent says what this tracker does not know yet: upgrade it');
    hasPassedOver = true;
  };
  const take = (text: string) => {
    const message = parseAgentMessage(text);
    if (session === undefined) {
      if (message.type !== 'hello') throw new TrackerError('BAD_MESSAGE', 'the first message is not hello');
      session = sessionOf(message, verifyHello(message, nonce), { ...admission, ...line });
      cancelHelloTimeout();
      handler.opened(session);
    } else {
      if (message.type === undefined) return passOver(message.foreign);
      if (message.type === 'hello') throw new TrackerError('BAD_MESSAGE', 'a second hello');
      handler.message(session, message);
    }
  };
  const hear = (data: RawData) => {
    if (ended) return;
    try {
      take(String(data));
    } catch (error) {
      line.refuse(refusalOf(error, { log, peerId: session?.peerId }));
    }
  };
  socket.on('message', (data) => {
    const isHeard = slices.run(() => {
      hear(data);
      socket.resume();
    });
    if (!isHeard) socket.pause(); // who has to wait says nothing more meanwhile, and does not seem gone
  });
  socket.on('close', end);
  socket.on('error', end); // a close follows; a message over the cap ends here with code 1009
  line.send({ type: 'challenge', nonce: nonce.toString('base64url') });
}

type Line = Pick<AgentSession, 'send' | 'sendText' | 'refuse'>;

function lineOf(socket: WebSocket, end: () => void, hasEnded: () => boolean): Line {
  const sendText = (text: string | Buffer) => {
    if (hasEnded() || socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      socket.terminate();
      end();
    } else socket.send(text, { binary: false });
  };
  const send = (message: TrackerMessage) => sendText(JSON.stringify(message));
  const refuse = (error: SessionError) => {
    if (hasEnded()) return;
    send({ type: 'refused', error });
    socket.close(CLOSE_REFUSED, error.code);
    end();
  };
  return { send, sendText, refuse };
}

function sessionOf(hello: Hello, peerId: string, line: Admission & Line): AgentSession {
  const { name, publicKey, peerPort, version, labels, platform, engine } = hello;
  const { role, tokenId, send, sendText, refuse } = line;
  return {
    ...{ peerId, name, role, publicKey, version, labels, platform, engine, tokenId, send, sendText, refuse },
    host: hello.peerHost ?? plainAddress(line.remoteAddress),
    port: peerPort,
    traffic: NOTHING_MOVED,
  };
}

/** An agent that answers no ping for a whole interval is gone, whatever TCP believes. */
function startHeartbeat(socket: WebSocket, clock: Clock, on: { beat(): void; dead(): void }): () => void {
  let heard = true;
  const hear = () => {
    heard = true;
  };
  for (const event of ['message', 'ping', 'pong']) socket.on(event, hear);
  return every(clock, HEARTBEAT_MS, () => {
    if (heard) {
      heard = false;
      if (socket.readyState === WebSocket.OPEN) socket.ping();
      return on.beat();
    }
    socket.terminate();
    on.dead();
  });
}

function refusalOf(error: unknown, { log, peerId }: { log: Logger; peerId?: string }): SessionError {
  if (error instanceof TrackerError) {
    log.warn({ peerId, code: error.code, foreign: error.message }, 'session refused');
    return { code: error.code, text: error.message, retryable: error.retryable };
  }
  log.error({ peerId, err: error }, 'a message of an agent failed');
  return sessionError('INTERNAL');
}
