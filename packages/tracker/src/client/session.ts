/**
 * An agent's session with the tracker, over as many connections as it takes.
 * Decides when to come back and when to stop. Does not decide what the messages mean.
 */
import type { KeyObject } from 'node:crypto';
import { backoffMs } from './backoff.ts';
import type { AgentMessage, TrackerMessage } from './session-messages.ts';
import { type HelloFacts, openSessionSocket, type SessionSocket } from './session-socket.ts';
import type { SessionError } from './shapes.ts';

export type SessionState = 'connected' | 'disconnected' | 'refused';

export interface SessionOptions {
  /** `https://host:7600`, or `http://` for a tracker that runs with `insecure`. */
  url: string;
  /** Join token, role `agent` or `seeder`. */
  token: string;
  /** PEM of the authority that signed the tracker's certificate. */
  ca?: string;
  /** Asked anew at every connection. */
  hello: () => HelloFacts;
  /** Ed25519; the agent's identity. */
  privateKey: KeyObject;
  /** Every message but `challenge` and `refused`; `welcome` comes first. */
  onMessage(message: TrackerMessage): void;
  /** `disconnected` comes after each failed attempt, with why. `refused` is final. */
  onState(state: SessionState, error?: SessionError): void;
  reconnectDelayMs?: number;
  maxReconnectDelayMs?: number;
  heartbeatMs?: number;
  random?: () => number;
}

export interface Session {
  /** Dropped while there is no welcome: what matters is said again after it. */
  send(message: AgentMessage): void;
  close(): Promise<void>;
}

const RECONNECT_DELAY_MS = 500;
const MAX_RECONNECT_DELAY_MS = 30_000;
const HEARTBEAT_MS = 15_000;

export function connectSession(options: SessionOptions): Session {
  const limits = {
    firstMs: options.reconnectDelayMs ?? RECONNECT_DELAY_MS,
    maxMs: options.maxReconnectDelayMs ?? MAX_RECONNECT_DELAY_MS,
  };
  const state = { welcome: false, closed: false, attempt: 0 };
  let timer: NodeJS.Timeout | undefined;
  let socket: SessionSocket;

  const onMessage = (message: TrackerMessage) => {
    if (state.closed) return;
    if (message.type === 'welcome') {
      state.welcome = true;
      state.attempt = 0;
      options.onState('connected');
    }
    options.onMessage(message);
  };
  const onEnd = (error: SessionError) => {
    state.welcome = false;
    if (state.closed) return;
    if (!error.retryable) {
      state.closed = true;
      options.onState('refused', error);
      return;
    }
    timer = setTimeout(open, backoffMs(state.attempt++, limits, options.random ?? Math.random));
    options.onState('disconnected', error);
  };
  function open(): void {
    const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    socket = openSessionSocket({ ...options, heartbeatMs, onMessage, onEnd });
  }

  open();
  return {
    send: (message) => {
      if (state.welcome) socket.send(message);
    },
    close: () => {
      state.closed = true;
      clearTimeout(timer);
      return socket.close();
    },
  };
}
