/**
 * Zones: which one a host stands in, and what is remote to it. A zone is a group of hosts behind one
 * uplink, named by a label of theirs. Pure.
 */
import type { AgentSession } from '../session/agent-session.ts';

export type ZoneOf = (session: Pick<AgentSession, 'labels'>) => string | undefined;

/** A host without this label, or with an empty one, has no zone. */
export function zonesBy(label: string): ZoneOf {
  return ({ labels }) => (Object.hasOwn(labels, label) && labels[label] !== '' ? labels[label] : undefined);
}

/** Nothing is remote to a host without a zone; it is remote to those that have one. */
export function isRemote(zone: string | undefined, receiverZone: string | undefined): boolean {
  return receiverZone !== undefined && zone !== receiverZone;
}
