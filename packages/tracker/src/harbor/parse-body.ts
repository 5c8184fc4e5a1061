/**
 * A body from outside read by its schema. Decides the words of a refusal.
 */
import type { z } from 'zod';
import { TrackerError } from '../errors.ts';

/** Says where the fault is, never what stands there. */
export function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TrackerError('BAD_REQUEST', `${issue?.path.join('.') || 'the body'}: ${issue?.message}`);
}
