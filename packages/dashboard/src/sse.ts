/** Server-sent events out of chunks of text, for a stream that is read with a token: EventSource can send none. Pure. */
export interface StreamEvent {
  event: string;
  data: string;
}

export function createSseReader(): (chunk: string) => StreamEvent[] {
  let buffer = '';
  let searched = 0;
  return (chunk) => {
    buffer += chunk;
    const events: StreamEvent[] = [];
    let start = 0;
    for (let end = buffer.indexOf('\n\n', searched); end >= 0; end = buffer.indexOf('\n\n', start)) {
      const event = parsed(buffer.slice(start, end));
      if (event) events.push(event);
      start = end + 2;
    }
    buffer = buffer.slice(start);
    searched = Math.max(0, buffer.length - 1);
    return events;
  };
}

function parsed(block: string): StreamEvent | undefined {
  let event = 'message';
  let data: string | undefined;
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data = data === undefined ? line.slice(6) : `${data}\n${line.slice(6)}`;
  }
  return data === undefined ? undefined : { event, data };
}
