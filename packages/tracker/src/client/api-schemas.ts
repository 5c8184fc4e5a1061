/**
 * The tracker's HTTP API as zod schemas: one source for validation, OpenAPI and the client's types.
 * Decides the shape of requests and answers. Does not decide who may ask.
 */
import { z } from 'zod';
import { instantSchema } from './job-schemas.ts';
import {
  amountSchema,
  cardRatesSchema,
  digestSchema,
  engineSchema,
  labelsSchema,
  nameSchema,
  peerIdSchema,
  platformSchema,
  referenceSchema,
  sessionErrorSchema,
  trafficSchema,
} from './shapes.ts';

export const tokenRoleSchema = z.enum(['admin', 'reader', 'agent', 'seeder']);
export type TokenRole = z.infer<typeof tokenRoleSchema>;

export const agentRoleSchema = z.enum(['agent', 'seeder']);

export const hostViewSchema = z.object({
  peerId: peerIdSchema,
  name: nameSchema,
  role: agentRoleSchema,
  online: z.boolean(),
  lastSeenAt: instantSchema,
  labels: labelsSchema,
  platform: platformSchema,
  engine: engineSchema.nullable(),
  version: z.string(),
  traffic: trafficSchema,
  card: cardRatesSchema
    .extend({ at: instantSchema })
    .optional()
    .describe('the network card, while it moves something of ours and up to a minute after'),
});
export type HostView = z.infer<typeof hostViewSchema>;

export const statusViewSchema = z.object({
  version: z.string(),
  startedAt: instantSchema,
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
  receivedAt: instantSchema,
  updatedAt: instantSchema,
  nextAttemptAt: instantSchema.optional(),
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
  createdAt: instantSchema,
  expiresAt: instantSchema.optional().describe('of a person who signed in at an identity provider'),
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
  createdAt: instantSchema,
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
  appliedAt: instantSchema,
  appliedBy: nameSchema.describe("the token's name"),
});
export type PolicyVersion = z.infer<typeof policyVersionSchema>;

export const policyViewSchema = policyVersionSchema.extend({ text: z.string() });
export type PolicyView = z.infer<typeof policyViewSchema>;

export const weekRequestSchema = z.strictObject({
  host: nameSchema.optional().describe('a known host; default: one that only rules for all hosts are about'),
});
export type WeekRequest = z.infer<typeof weekRequestSchema>;

const setRateSchema = z.object({ bytesPerSecond: z.number().nonnegative(), rule: z.string() }).optional();
const ratesSchema = z.object({ download: setRateSchema, upload: setRateSchema });

export const policyWeekSchema = z.object({
  host: z.string(),
  timezone: z.string(),
  nowHour: z.number().describe("hours since Monday 00:00 on the policy's clock"),
  stretches: z.array(
    z.object({
      fromHour: z.number(),
      toHour: z.number(),
      limits: z.object({ pull: ratesSchema, prewarm: ratesSchema, seed: ratesSchema }),
    }),
  ),
});
export type PolicyWeek = z.infer<typeof policyWeekSchema>;

export const errorBodySchema = z.object({ error: sessionErrorSchema });
export type ErrorBody = z.infer<typeof errorBodySchema>;
