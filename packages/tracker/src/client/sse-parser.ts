/**
 * Reads server-sent events from a byte stream: chunks in, the data of whole events out.
 * Only what the tracker sends: `event`, `data` and comment lines. No ids, no retry.
 */

export interface ServerSentEvent {
  event: string;
  data: string;
}

/** Memory is bounded by the largest event. */
const MAX_EVENT_CHARS = 16 * 1024 * 1024;

export function createSseParser(): { push(chunk: Uint8Array): ServerSentEvent[] } {
  const decoder = new TextDecoder();
  let rest = '';
  return {
    push(chunk) {
      rest += decoder.decode(chunk, { stream: true });
      const parts = rest.split('\n\n');
      rest = parts.pop() ?? '';
      if (rest.length > MAX_EVENT_CHARS) throw new Error('an event of the tracker is too large');
      return parts.map(parseEvent).filter((event) => event !== undefined);
    },
  };
}

function parseEvent(text: string): ServerSentEvent | undefined {
  let event = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
  return data.length > 0 ? { event, data: data.join('\n') } : undefined;
}
