/**
 * Text from an agent to a message, or a named fault. Pure.
 */
import { z } from 'zod';
import { type AgentMessage, agentMessageSchema } from '../client/session-messages.ts';
import { TrackerError } from '../errors.ts';

const MAX_FAULT_CHARS = 500;

/** Throws TrackerError BAD_MESSAGE, naming the fields. */
export function parseAgentMessage(text: string): AgentMessage {
  const parsed = agentMessageSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new TrackerError('BAD_MESSAGE', z.prettifyError(parsed.error).slice(0, MAX_FAULT_CHARS));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TrackerError('BAD_MESSAGE', 'it is not JSON');
  }
}
