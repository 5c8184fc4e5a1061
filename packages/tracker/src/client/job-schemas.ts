/**
 * Jobs as the HTTP API speaks of them: the order, the view, and what changed of one.
 * Decides which orders are well formed. Does not decide whether one can be carried out.
 */
import { z } from 'zod';
import {
  amountSchema,
  classSchema,
  digestSchema,
  imageReportSchema,
  jobEventSchema,
  nameSchema,
  peerIdSchema,
  referenceSchema,
  sessionErrorSchema,
} from './shapes.ts';

export const instantSchema = z.iso.datetime().describe('ISO 8601, UTC');

const percent = z.int().min(1).max(100);

export const wavesSchema = z.strictObject({
  percents: z
    .array(percent)
    .min(1)
    .max(20)
    .describe('of the hosts, ascending: [1, 10, 100] is a canary of 1 %, then up to 10 %, then all'),
  goOnAt: percent.default(90).describe('percent of a wave that must be ready before the next begins'),
  stopAt: percent
    .default(10)
    .describe('the job pauses when more than this percent of the hosts begun with have failed'),
});
export type Waves = z.infer<typeof wavesSchema>;

/** All of an order but what and where; a job keeps it as it was given. */
export const jobTermsSchema = z.strictObject({
  percent: percent.optional().describe('only so many of the matching hosts, the same ones each time'),
  at: instantSchema.optional().describe('nothing moves before'),
  by: instantSchema.optional().describe('wanted ready by then; jobs with an earlier one go first'),
  priority: z.int().min(-100).max(100).optional().describe('jobs with a higher one go first; default: 0'),
  keepUntil: instantSchema.optional().describe('hosts keep the images at least until then'),
  standing: z.boolean().optional().describe('hosts that match later are taken in, until keepUntil or until cancelled'),
  waves: wavesSchema.optional(),
  cacheOnly: z.boolean().optional().describe('hosts keep the blobs and load nothing'),
  force: z.boolean().optional().describe('also where the engine would not run the image'),
});
export type JobTerms = z.infer<typeof jobTermsSchema>;

export const jobRequestSchema = jobTermsSchema.extend({
  images: z.array(referenceSchema).min(1).max(64),
  hosts: z
    .array(z.string().min(1).max(4096))
    .min(1)
    .max(10_000)
    .optional()
    .describe('selectors such as env=prod,rack in (r1,r2) or web-*; default: every known agent that is not a seeder'),
  class: classSchema.optional().describe('default: prewarm'),
});
/** As callers write it: what has a default may be left out. */
export type JobRequest = z.input<typeof jobRequestSchema>;

export const jobStateSchema = z
  .enum(['scheduled', 'running', 'paused', 'standing', 'done', 'failed', 'cancelled'])
  .describe('standing: all its hosts have ended, and it waits for new ones');
export type JobState = z.infer<typeof jobStateSchema>;

/** Whether something may still happen. */
export function isOpen(state: JobState): boolean {
  return state !== 'done' && state !== 'failed' && state !== 'cancelled';
}

/** Whether who waits for it need wait no more. */
export function isSettled(state: JobState): boolean {
  return !isOpen(state) || state === 'standing';
}

export const jobHostSchema = z.object({
  peerId: peerIdSchema,
  name: nameSchema,
  online: z.boolean(),
  state: z.enum(['waiting', 'fetching', 'loading', 'ready', 'failed']),
  wave: amountSchema.optional().describe('which it belongs to, from 1'),
  images: z.array(imageReportSchema),
  error: sessionErrorSchema.optional(),
});
export type JobHostView = z.infer<typeof jobHostSchema>;
export type JobHostState = JobHostView['state'];

export const jobSummarySchema = z.object({
  id: z.string(),
  state: jobStateSchema,
  class: classSchema,
  images: z.array(
    z.object({
      reference: referenceSchema,
      digests: z.array(digestSchema).describe('manifest digests, one a platform'),
      imageBytes: amountSchema.describe('the largest of its platforms'),
    }),
  ),
  selectors: z.array(z.string()).optional().describe('as ordered, the first 20'),
  terms: jobTermsSchema,
  createdAt: instantSchema,
  finishedAt: instantSchema.optional(),
  originBytes: amountSchema.describe('read from the origin for this job'),
  warning: z.string().optional(),
  counts: z.object({
    hosts: amountSchema,
    waiting: amountSchema,
    fetching: amountSchema,
    loading: amountSchema,
    ready: amountSchema,
    failed: amountSchema,
    offline: amountSchema.describe('hosts that are not done and not here'),
  }),
  bytes: z.object({ wanted: amountSchema, have: amountSchema, fromPeers: amountSchema }),
  bytesPerSecond: amountSchema.describe('of all hosts together, lately'),
  allowed: z
    .object({ bytesPerSecond: amountSchema, rule: z.string() })
    .optional()
    .describe('what the bandwidth policy lets its hosts receive together now; absent: nothing limits them'),
  readyAt: instantSchema.optional().describe('at this rate, while bytes are moving'),
  wave: z.object({ number: amountSchema, of: amountSchema }).optional(),
});
export type JobSummary = z.infer<typeof jobSummarySchema>;

export const jobViewSchema = jobSummarySchema.extend({ hosts: z.array(jobHostSchema) });
export type JobView = z.infer<typeof jobViewSchema>;

export const jobLogSchema = z.object({
  entries: z
    .array(
      jobEventSchema.omit({ agoMs: true }).extend({
        at: instantSchema.describe("by the tracker's clock"),
        host: nameSchema.optional().describe("absent: it is the tracker's own"),
        peerId: peerIdSchema.optional(),
      }),
    )
    .describe('oldest first'),
  dropped: amountSchema.describe('older ones that are kept no more'),
});
export type JobLog = z.infer<typeof jobLogSchema>;
export type JobLogEntry = JobLog['entries'][number];
