/**
 * Reads server-sent events from a byte stream: chunks in, the data of whole events out.
 * Only `event`, `data` and comment lines, ended by LF or CR LF. No ids, no retry.
 */

export interface ServerSentEvent {
  event: string;
  data: string;
}

/** Memory is bounded by the largest event. */
const MAX_EVENT_CHARS = 16 * 1024 * 1024;

/** `push` throws on an event that is too large; nothing is read after that. */
export function createSseParser(maxEventChars = MAX_EVENT_CHARS): { push(chunk: Uint8Array): ServerSentEvent[] } {
  const decoder = new TextDecoder();
  /** Of the line that has not ended. */
  let parts: string[] = [];
  let lines: string[] = [];
  let chars = 0;
  const endLine = (): ServerSentEvent | undefined => {
    const line = parts.join('').replace(/\r$/, '');
    parts = [];
    if (line !== '') {
      lines.push(line);
      return undefined;
    }
    const event = parseEvent(lines);
    lines = [];
    chars = 0;
    return event;
  };
  return {
    push(chunk) {
      const events: ServerSentEvent[] = [];
      for (const [index, part] of decoder.decode(chunk, { stream: true }).split('\n').entries()) {
        const event = index > 0 ? endLine() : undefined;
        if (event !== undefined) events.push(event);
        parts.push(part);
        chars += part.length;
        if (chars > maxEventChars) throw new Error(`an event is larger than ${maxEventChars} characters`);
      }
      return events;
    },
  };
}

function parseEvent(lines: readonly string[]): ServerSentEvent | undefined {
  let event = 'message';
  const data: string[] = [];
  for (const line of lines) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
  return data.length > 0 ? { event, data: data.join('\n') } : undefined;
}
