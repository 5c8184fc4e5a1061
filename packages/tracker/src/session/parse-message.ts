/**
 * Text from an agent to a message, or a named fault. Pure.
 */
import { z } from 'zod';
import { type AgentMessage, agentMessageSchema } from '../client/session-messages.ts';
import { TrackerError } from '../errors.ts';

const MAX_FAULT_CHARS = 500;
const MAX_TYPE_CHARS = 64;

const TYPES: ReadonlySet<unknown> = new Set(agentMessageSchema.options.map(({ shape }) => shape.type.value));

/** A message of a type that only a newer agent knows. */
export interface UnknownMessage {
  type: undefined;
  /** As the agent wrote it. */
  foreign: string;
}

/** Throws TrackerError BAD_MESSAGE, naming the fields. */
export function parseAgentMessage(text: string): AgentMessage | UnknownMessage {
  const json = parseJson(text);
  const parsed = agentMessageSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { type } = (json ?? {}) as { type?: unknown };
  if (typeof type === 'string' && !TYPES.has(type)) return { type: undefined, foreign: type.slice(0, MAX_TYPE_CHARS) };
  throw new TrackerError('BAD_MESSAGE', z.prettifyError(parsed.error).slice(0, MAX_FAULT_CHARS));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TrackerError('BAD_MESSAGE', 'it is not JSON');
  }
}
