/**
 * The tracker's HTTP API as zod schemas: one source for validation, OpenAPI and the client's types.
 * Decides the shape of requests and answers. Does not decide who may ask.
 */
import { z } from 'zod';
import {
  amountSchema,
  classSchema,
  digestSchema,
  engineSchema,
  imageReportSchema,
  labelsSchema,
  nameSchema,
  peerIdSchema,
  platformSchema,
  referenceSchema,
  sessionErrorSchema,
  trafficSchema,
} from './shapes.ts';

const instant = z.iso.datetime().describe('ISO 8601, UTC');

export const tokenRoleSchema = z.enum(['admin', 'reader', 'agent', 'seeder']);
export type TokenRole = z.infer<typeof tokenRoleSchema>;

export const agentRoleSchema = z.enum(['agent', 'seeder']);

export const jobRequestSchema = z.strictObject({
  images: z.array(referenceSchema).min(1).max(64),
  hosts: z
    .array(nameSchema)
    .min(1)
    .max(1000)
    .optional()
    .describe('globs on host names; default: every known agent that is not a seeder'),
  class: classSchema.optional().describe('default: prewarm'),
});
export type JobRequest = z.infer<typeof jobRequestSchema>;

export const jobStateSchema = z.enum(['running', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobStateSchema>;

export const jobHostSchema = z.object({
  peerId: peerIdSchema,
  name: nameSchema,
  online: z.boolean(),
  state: z.enum(['waiting', 'fetching', 'loading', 'ready', 'failed']),
  images: z.array(imageReportSchema),
  error: sessionErrorSchema.optional(),
});
export type JobHostView = z.infer<typeof jobHostSchema>;
export type JobHostState = JobHostView['state'];

export const jobViewSchema = z.object({
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
  createdAt: instant,
  finishedAt: instant.optional(),
  originBytes: amountSchema.describe('read from the origin for this job'),
  warning: z.string().optional(),
  hosts: z.array(jobHostSchema),
});
export type JobView = z.infer<typeof jobViewSchema>;

export const hostViewSchema = z.object({
  peerId: peerIdSchema,
  name: nameSchema,
  role: agentRoleSchema,
  online: z.boolean(),
  lastSeenAt: instant,
  labels: labelsSchema,
  platform: platformSchema,
  engine: engineSchema.nullable(),
  version: z.string(),
  traffic: trafficSchema,
});
export type HostView = z.infer<typeof hostViewSchema>;

export const statusViewSchema = z.object({
  version: z.string(),
  startedAt: instant,
  agents: z.object({ known: amountSchema, online: amountSchema }),
  seeders: z.object({ known: amountSchema, online: amountSchema }),
  swarms: amountSchema,
  runningJobs: amountSchema,
});
export type StatusView = z.infer<typeof statusViewSchema>;

export const hookViewSchema = z.object({
  reference: referenceSchema,
  rule: z.string(),
  digest: z.string().describe('as the push named it'),
  state: z.enum(['waiting', 'ordered', 'failed']),
  attempts: amountSchema.describe('that failed'),
  receivedAt: instant,
  updatedAt: instant,
  nextAttemptAt: instant.optional(),
  jobId: z.string().optional(),
  error: z.string().optional().describe('of the last attempt'),
});
export type HookView = z.infer<typeof hookViewSchema>;

export const tokenRequestSchema = z.strictObject({ role: tokenRoleSchema, name: nameSchema });
export type TokenRequest = z.infer<typeof tokenRequestSchema>;

export const newTokenSchema = z.object({
  id: z.string(),
  token: z.string().describe('shown once; the tracker keeps only its hash'),
});
export type NewToken = z.infer<typeof newTokenSchema>;

export const tokenViewSchema = z.object({
  id: z.string(),
  role: tokenRoleSchema,
  name: nameSchema,
  createdAt: instant,
});
export type TokenView = z.infer<typeof tokenViewSchema>;

export const torrentRequestSchema = z.strictObject({
  digest: digestSchema,
  host: nameSchema.describe("the host the client runs on: a name for the operator's list"),
});
export type TorrentRequest = z.infer<typeof torrentRequestSchema>;

export const passkeyViewSchema = z.object({
  id: z.string(),
  digest: digestSchema,
  host: nameSchema,
  createdAt: instant,
  clients: z
    .array(z.object({ host: z.string(), port: amountSchema.describe('0 when it does not listen') }))
    .describe('who announced with it lately, from which address'),
});
export type PasskeyView = z.infer<typeof passkeyViewSchema>;

export const policyRequestSchema = z.strictObject({
  text: z.string().min(1).max(1_000_000).describe('bandwidth.yaml, as it is'),
});
export type PolicyRequest = z.infer<typeof policyRequestSchema>;

export const rollbackRequestSchema = z.strictObject({ version: z.int().positive() });
export type RollbackRequest = z.infer<typeof rollbackRequestSchema>;

export const policyVersionSchema = z.object({
  version: z.int().positive(),
  appliedAt: instant,
  appliedBy: nameSchema.describe("the token's name"),
});
export type PolicyVersion = z.infer<typeof policyVersionSchema>;

export const policyViewSchema = policyVersionSchema.extend({ text: z.string() });
export type PolicyView = z.infer<typeof policyViewSchema>;

export const errorBodySchema = z.object({ error: sessionErrorSchema });
export type ErrorBody = z.infer<typeof errorBodySchema>;
