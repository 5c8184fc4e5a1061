/** The cache in the control API: `GET /v1/cache`, `POST /v1/cache/rm`, `POST /v1/cache/verify`. Decides their form only. */
import { Readable } from 'node:stream';
import { isDigest } from '@shoal/oci';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { CacheDesk, VerifyEvent } from '../cache/cache-desk.ts';

const digests = z.array(z.string().refine(isDigest, 'no digest such as sha256:…')).max(10_000);
const removeSchema = z.union([
  z.strictObject({ digests: digests.min(1) }),
  z.strictObject({ unused: z.literal(true) }),
]);
const verifySchema = z.strictObject({ digests: digests.min(1).optional() });

export function addCacheRoutes(app: FastifyInstance, desk: CacheDesk): void {
  app.get('/v1/cache', () => desk.view());
  app.post('/v1/cache/rm', async (request, reply) => {
    const body = removeSchema.safeParse(request.body);
    return body.success ? desk.remove(body.data) : reply.status(400).send(refusal(body.error));
  });
  // Answered line by line, as it takes as long as the disk; the client ends it by going away.
  app.post('/v1/cache/verify', async (request, reply) => {
    const body = verifySchema.safeParse(request.body ?? {});
    if (!body.success) return reply.status(400).send(refusal(body.error));
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const lines = Readable.from(linesOf(desk.verify(body.data.digests, gone.signal)));
    return reply.type('application/x-ndjson').send(lines);
  });
}

async function* linesOf(events: AsyncIterable<VerifyEvent>): AsyncGenerator<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}

function refusal({ issues }: z.ZodError) {
  const text = issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; ');
  return { error: { code: 'BAD_REQUEST', text, retryable: false } };
}
