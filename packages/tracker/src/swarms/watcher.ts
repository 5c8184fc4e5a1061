/**
 * What the swarms tell to whoever follows them: the side of the foreign clients.
 */
import type { AgentSession } from '../session/agent-session.ts';
import type { Swarm } from './swarm.ts';

export interface SwarmWatcher {
  /** The member has just been sent `joined` or `seed`. */
  entered(swarm: Swarm, session: AgentSession): void;
  left(swarm: Swarm, peerId: string): void;
  /** The swarm ended, perhaps with members. */
  dropped(swarm: Swarm): void;
}
