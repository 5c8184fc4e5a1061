/** How the list of hosts is asked for in parts. */
import { z } from 'zod';

export const HOST_ORDERS = ['name', 'business', 'own'] as const;
export type HostOrder = (typeof HOST_ORDERS)[number];

/** The header of `GET /v1/hosts` that says how many hosts match in all. */
export const TOTAL_HEADER = 'x-total-count';

const count = z.string().regex(/^\d{1,7}$/);

/** Of the query, so all are texts. */
export const hostQuerySchema = z.strictObject({
  search: z
    .string()
    .max(1000)
    .optional()
    .describe('words with spaces between, each in name, labels, platform, version, role or online'),
  order: z.enum(HOST_ORDERS).optional().describe('by name, or most traffic first: of business or our own'),
  offset: count.optional(),
  limit: count.optional().describe('absent: all'),
});
export type HostQueryText = z.infer<typeof hostQuerySchema>;
