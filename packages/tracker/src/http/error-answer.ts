/**
 * Every error of the HTTP API as one body and a status. Decides what a caller learns of a failure.
 */
import { OciError } from '@shoal/oci';
import { RegistryError } from '@shoal/registry';
import type { FastifyError, FastifyInstance } from 'fastify';
import type { SessionError } from '../client/shapes.ts';
import { ERRORS, sessionError, TrackerError } from '../errors.ts';

export function installErrorAnswers(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, ...body } = answerOf(error);
    if (body.code === 'INTERNAL' || body.code === 'DISK_FULL')
      request.log.error({ err: error, path: request.routeOptions.url }, 'request failed');
    return reply.code(status).send({ error: body });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: sessionError('NOT_FOUND') }));
}

export function answerOf(error: Error & Partial<FastifyError>): SessionError & { status: number } {
  if (error instanceof TrackerError || error instanceof OciError) return ownAnswer(error, error.status);
  if (error instanceof RegistryError) return ownAnswer(error, error.httpStatus);
  if (isDiskFull(error)) return { ...sessionError('DISK_FULL'), status: ERRORS.DISK_FULL.status };
  const { statusCode = 500 } = error;
  if (statusCode >= 400 && statusCode < 500)
    return { ...sessionError('BAD_REQUEST', error.message), status: statusCode };
  return { ...sessionError('INTERNAL'), status: 500 };
}

/** SQLite's codes for want of space: for the database or its log, and for the log's index. */
function isDiskFull({ code }: { code?: string }): boolean {
  return code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE' || code === 'ENOSPC';
}

function ownAnswer(error: Error & { code: string; retryable: boolean }, status: number) {
  return { code: error.code, text: error.message, retryable: error.retryable, status };
}
