/**
 * An agent that is connected now, as the rest of the tracker sees it: facts and a way to speak to it.
 */
import type { Platform } from '@shoal/oci';
import type { AgentRole, Neighbour, TrackerMessage } from '../client/session-messages.ts';
import type { CardRates, EngineInfo, SessionError, Traffic } from '../client/shapes.ts';

export interface AgentSession {
  peerId: string;
  name: string;
  role: AgentRole;
  /** base64url of the raw Ed25519 key. */
  publicKey: string;
  /** Where peers dial it. */
  host: string;
  port: number;
  version: string;
  labels: Record<string, string>;
  platform: Platform;
  engine: EngineInfo | null;
  traffic: Traffic;
  /** Of its network card, when it last said so. */
  card?: CardRates & { atMs: number };
  tokenId: string;
  send(message: TrackerMessage): void;
  /** A message that was made once for many; as bytes all of them share its memory. */
  sendText(text: string | Buffer): void;
  /** Says why, then closes. */
  refuse(error: SessionError): void;
}

export function neighbourOf({ peerId, name, host, port, role }: AgentSession): Neighbour {
  return { peerId, name, host, port, role };
}
