/**
 * One connection of a session: opens the WebSocket, answers the challenge, watches for silence.
 * Ends exactly once, with a reason. Does not reconnect.
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import {
  type AgentMessage,
  type Hello,
  MAX_TRACKER_MESSAGE_BYTES,
  SESSION_PATH,
  SESSION_PROTOCOL,
  SESSION_SIGNATURE_DOMAIN,
  type TrackerMessage,
} from './session-messages.ts';
import type { SessionError } from './shapes.ts';

export type HelloFacts = Omit<Hello, 'type' | 'protocol' | 'publicKey' | 'signature'>;

export interface SessionSocketOptions {
  url: string;
  token: string;
  ca?: string;
  hello: () => HelloFacts;
  privateKey: KeyObject;
  heartbeatMs: number;
  onMessage(message: TrackerMessage): void;
  /** Called once. An error that is not retryable means: do not come back. */
  onEnd(error: SessionError): void;
}

export interface SessionSocket {
  send(message: AgentMessage): void;
  close(): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 1_000;
const MAX_REFUSAL_BYTES = 16 * 1024;

export function openSessionSocket(options: SessionSocketOptions): SessionSocket {
  const socket = new WebSocket(sessionUrl(options.url), {
    headers: { authorization: `Bearer ${options.token}` },
    ca: options.ca,
    maxPayload: MAX_TRACKER_MESSAGE_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    perMessageDeflate: false,
  });
  let ended = false;
  let stopHeartbeat = () => {};
  const end = (error: SessionError) => {
    if (ended) return;
    ended = true;
    stopHeartbeat();
    socket.terminate();
    options.onEnd(error);
  };
  const send = (message: AgentMessage) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  socket.on('open', () => {
    stopHeartbeat = startHeartbeat(socket, options.heartbeatMs, () => end(lost('it is silent')));
  });
  socket.on('message', (data) => {
    if (ended) return;
    const message = JSON.parse(String(data)) as TrackerMessage;
    if (message.type === 'challenge') send(answer(message.nonce, options));
    else if (message.type === 'refused') end(message.error);
    else options.onMessage(message);
  });
  socket.on('unexpected-response', (_request, response) => readRefusal(response, end));
  socket.on('error', (error) => end(lost(error.message || String(error))));
  socket.on('close', (code) => end(lost(`closed with code ${code}`)));
  return { send, close: () => closeSocket(socket, end) };
}

/** Signs the challenge: whoever holds the join token alone is not yet this agent. */
function answer(nonce: string, options: SessionSocketOptions): Hello {
  const payload = Buffer.concat([Buffer.from(SESSION_SIGNATURE_DOMAIN), Buffer.from(nonce, 'base64url')]);
  return {
    ...options.hello(),
    type: 'hello',
    protocol: SESSION_PROTOCOL,
    publicKey: createPublicKey(options.privateKey).export({ format: 'jwk' }).x as string,
    signature: sign(null, payload, options.privateKey).toString('base64url'),
  };
}

/** Calls `onSilent` when nothing at all, not even a pong, came for a whole interval after a ping. */
function startHeartbeat(socket: WebSocket, everyMs: number, onSilent: () => void): () => void {
  let heard = true;
  const hear = () => {
    heard = true;
  };
  for (const event of ['message', 'ping', 'pong']) socket.on(event, hear);
  const timer = setInterval(() => {
    if (!heard) return onSilent();
    heard = false;
    if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, everyMs);
  return () => clearInterval(timer);
}

/** The tracker answered the upgrade with an HTTP error, normally 401. */
function readRefusal(response: IncomingMessage, end: (error: SessionError) => void): void {
  let text = '';
  const finish = () => end(refusalOf(response.statusCode ?? 0, text));
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    if (text.length < MAX_REFUSAL_BYTES) text += chunk;
  });
  response.on('end', finish);
  response.on('error', finish);
}

function refusalOf(status: number, text: string): SessionError {
  try {
    const { error } = JSON.parse(text) as { error: SessionError };
    if (typeof error.code === 'string' && typeof error.text === 'string') return error;
  } catch {
    // not the tracker's own words: a proxy in between
  }
  const retryable = status !== 401 && status !== 403;
  return { code: 'BAD_ANSWER', text: `the tracker answered the session with ${status}`, retryable };
}

function lost(why: string): SessionError {
  return { code: 'UNREACHABLE', text: `no session with the tracker: ${why}`, retryable: true };
}

function closeSocket(socket: WebSocket, end: (error: SessionError) => void): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    if (socket.readyState === WebSocket.OPEN) socket.close(1000);
    else end(lost('closed by this side'));
  });
}

function sessionUrl(url: string): URL {
  const session = new URL(SESSION_PATH, url);
  session.protocol = session.protocol === 'https:' ? 'wss:' : 'ws:';
  return session;
}
