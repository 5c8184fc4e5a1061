/**
 * zod schemas as the JSON schemas that fastify validates and serialises with, and OpenAPI shows.
 */

import type { FastifySchema } from 'fastify';
import { z } from 'zod';
import { errorBodySchema } from '../client/api-schemas.ts';

export interface RouteSchemas {
  summary: string;
  body?: z.ZodType;
  query?: z.ZodType;
  /** By status. A status without a body has null, one whose body is not JSON its media type. */
  answers: Record<number, z.ZodType | string | null>;
  /** Names of path parameters. */
  params?: string[];
  open?: boolean;
}

export function routeSchema({ summary, body, query, answers, params, open }: RouteSchemas): FastifySchema {
  const response = Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [status, answerSchema(answer)]),
  );
  return {
    summary,
    ...(body && { body: toJsonSchema(body, 'input') }),
    ...(query && { querystring: toJsonSchema(query, 'input') }),
    ...(params && { params: paramsSchema(params) }),
    response: { ...response, default: toJsonSchema(errorBodySchema, 'output') },
    security: open ? [] : [{ token: [] }],
  };
}

function answerSchema(answer: z.ZodType | string | null): object {
  if (answer === null) return { type: 'null', description: 'no body' };
  if (typeof answer !== 'string') return toJsonSchema(answer, 'output');
  return { description: 'bytes', content: { [answer]: { schema: { type: 'string', format: 'binary' } } } };
}

/** Draft 7 is what fastify's validator and serialiser speak. */
export function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'draft-7', io });
  return json;
}

function paramsSchema(names: string[]): object {
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string', maxLength: 64 }]));
  return { type: 'object', properties, required: names };
}
