/**
 * Bodies of systems outside: JSON under whatever name they give it. Decides what is read and how much of it.
 * Does not say what stood in a body that cannot be read: it may hold a token.
 */
import type { FastifyInstance } from 'fastify';
import { TrackerError } from '../errors.ts';

/** A registry sends many events at once; Harbor one. */
const MAX_BODY_BYTES = 1024 * 1024;

export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => {
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(new TrackerError('BAD_REQUEST', 'the body is no JSON'));
    }
  });
}
