/**
 * Requests without the right secret: turned away, and told of in the log now and then, so that an operator who mistyped
 * it sees why nothing happens and somebody who tries them all fills no disk.
 */
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { Headers } from './doors.ts';

const TELL_EVERY_MS = 60_000;

/** Before the body is read. */
export function requireSecret(admits: (headers: Headers) => boolean, { clock, log }: { clock: Clock; log: Logger }) {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return async (request: FastifyRequest): Promise<void> => {
    if (admits(request.headers)) return;
    untold++;
    if (clock.uptime() - toldAtMs >= TELL_EVERY_MS) {
      const from = request.socket.remoteAddress;
      log.warn({ path: request.routeOptions.url, from, count: untold }, 'a request without the right secret');
      toldAtMs = clock.uptime();
      untold = 0;
    }
    throw new TrackerError('BAD_SECRET');
  };
}
