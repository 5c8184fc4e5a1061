/**
 * Server-sent events on a raw response: headers, events, a comment now and then against idle proxies.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Clock, every } from '../clock.ts';

export interface EventStream {
  send(event: string, data: unknown): void;
  /** The reader has much to read yet: better told later, and once. */
  isBehind(): boolean;
  end(): void;
}

/** Answers with a stream that tells what `watch` tells, until the reader goes. `watch` returns how to end its watching. */
export type OpenStream = (reply: FastifyReply, watch: (stream: EventStream) => () => void) => void;

const KEEP_ALIVE_MS = 15_000;
const MUCH_BYTES = 1024 * 1024;

/** Streams of one app: they end when it closes. */
export function createStreams(app: FastifyInstance, clock: Clock): OpenStream {
  const streams = new Set<EventStream>();
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  return (reply, watch) => {
    reply.hijack();
    let unwatch = () => {};
    const stream = openEventStream(reply.raw, clock, () => {
      streams.delete(stream);
      unwatch();
    });
    streams.add(stream);
    unwatch = watch(stream);
  };
}

function openEventStream(response: ServerResponse, clock: Clock, onClose: () => void): EventStream {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const stopKeepAlive = every(clock, KEEP_ALIVE_MS, () => void response.write(':\n\n'));
  response.on('error', () => response.destroy());
  response.once('close', () => {
    stopKeepAlive();
    onClose();
  });
  return {
    send(event, data) {
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    isBehind: () => response.writableLength > MUCH_BYTES,
    end: () => void response.end(),
  };
}
