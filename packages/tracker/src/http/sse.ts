/**
 * Server-sent events on a raw response: headers, events, a comment now and then against idle proxies.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, every } from '../clock.ts';

export interface EventStream {
  send(event: string, data: unknown): void;
  /** The reader has much to read yet: better told later, and once. */
  isBehind(): boolean;
  end(): void;
}

/**
 * Answers with a stream that tells what `watch` tells, until the reader goes or the token it asked with is good no more.
 * `watch` returns how to end its watching.
 */
export type OpenStream = (
  request: FastifyRequest,
  reply: FastifyReply,
  watch: (stream: EventStream) => () => void,
) => void;

export interface StreamDeps {
  clock: Clock;
  /** Whether there still is a token with this id. */
  isGood(tokenId: string): boolean;
}

const KEEP_ALIVE_MS = 15_000;
const MUCH_BYTES = 1024 * 1024;

/** Streams of one app: they end when it closes. */
export function createStreams(app: FastifyInstance, { clock, isGood }: StreamDeps): OpenStream {
  const streams = new Set<EventStream>();
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });
  return ({ token }, reply, watch) => {
    reply.hijack();
    const isLetIn = () => token !== null && isGood(token.id);
    const stream = openEventStream(reply.raw, isLetIn);
    const stopKeepAlive = every(clock, KEEP_ALIVE_MS, () => {
      if (isLetIn()) reply.raw.write(':\n\n');
      else stream.end();
    });
    streams.add(stream);
    const unwatch = watch(stream);
    reply.raw.once('close', () => {
      stopKeepAlive();
      streams.delete(stream);
      unwatch();
    });
  };
}

function openEventStream(response: ServerResponse, isLetIn: () => boolean): EventStream {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.on('error', () => response.destroy());
  return {
    send(event, data) {
      if (!isLetIn()) return void response.end();
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    isBehind: () => response.writableLength > MUCH_BYTES,
    end: () => void response.end(),
  };
}
