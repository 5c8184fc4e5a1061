/**
 * Pre-warming for Marathon over HTTP: the order and its answer.
 */
import { z } from 'zod';
import { jobTermsSchema, jobViewSchema } from './job-schemas.ts';
import { classSchema, nameSchema, sessionErrorSchema } from './shapes.ts';

const document = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]);

export const marathonRequestSchema = jobTermsSchema.omit({ standing: true }).extend({
  app: document.describe('an app, a pod or a group as Marathon takes it, or a list of them'),
  marathon: nameSchema
    .optional()
    .describe('url of the Marathon in tracker.yaml whose Mesos is asked; default: the only one there is'),
  class: classSchema.optional().describe('default: what tracker.yaml says for this Marathon, else prewarm'),
});
export type MarathonRequest = z.input<typeof marathonRequestSchema>;

export const marathonPrewarmSchema = z.object({
  jobs: z.array(jobViewSchema).describe('one for each set of hosts'),
  skipped: z.array(z.object({ id: z.string(), reason: z.string() })).describe('nothing is to be fetched for these'),
  failed: z.array(z.object({ ids: z.array(z.string()), error: sessionErrorSchema })),
  withoutAgent: z
    .array(z.string())
    .describe('Mesos agents that the constraints allow and where no agent of Shoal runs'),
});
export type MarathonPrewarm = z.infer<typeof marathonPrewarmSchema>;
