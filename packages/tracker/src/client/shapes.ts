/**
 * The shapes that sessions and the HTTP API share, as zod schemas with their types.
 * Decides which values are well formed and how long they may be. Does not decide what a value means.
 */
import { z } from 'zod';

/** Text from outside is cut, never refused: an engine's own words may be long. */
const MAX_ERROR_TEXT_CHARS = 4000;

export const MAX_FEEDERS = 8;

export const digestSchema = z
  .string()
  .regex(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'is not a digest')
  .describe('sha256:<64 hex digits> or sha512:<128 hex digits>');

export const peerIdSchema = z.string().regex(/^[0-9a-f]{40}$/, 'is not 40 hex digits');
export const swarmIdSchema = peerIdSchema;

/** A count or an amount of bytes. */
export const amountSchema = z.int().nonnegative();

export const nameSchema = z.string().min(1).max(253);
export const referenceSchema = z.string().min(1).max(1024);

export const sessionErrorSchema = z.object({
  code: z.string().min(1).max(64),
  text: z.string().overwrite((text) => text.slice(0, MAX_ERROR_TEXT_CHARS)),
  retryable: z.boolean(),
});
export type SessionError = z.infer<typeof sessionErrorSchema>;

export const platformSchema = z.object({
  os: z.string().min(1).max(64),
  architecture: z.string().min(1).max(64),
  variant: z.string().max(64).optional(),
  osVersion: z.string().max(64).optional(),
});

export const engineSchema = z.object({
  version: z.string().max(128),
  store: z.enum(['classic', 'containerd']),
});
export type EngineInfo = z.infer<typeof engineSchema>;

const MAX_LABELS = 64;
export const labelsSchema = z
  .record(z.string().max(253), z.string().max(1024))
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, { message: `more than ${MAX_LABELS} labels` });

export const trafficSchema = z.object({
  sentBytes: amountSchema,
  receivedBytes: amountSchema.describe('from peers'),
  remoteBytes: amountSchema.default(0).describe('of those, from peers in another zone: over an uplink'),
  originBytes: amountSchema.describe('from registries'),
});
export type Traffic = z.infer<typeof trafficSchema>;
export const NOTHING_MOVED: Readonly<Traffic> = { sentBytes: 0, receivedBytes: 0, remoteBytes: 0, originBytes: 0 };

const ratesSchema = z.object({ download: amountSchema, upload: amountSchema });
export const cardRatesSchema = z.object({
  business: ratesSchema.describe('bytes a second that are not ours'),
  own: ratesSchema,
});
export type CardRates = z.infer<typeof cardRatesSchema>;

export const classSchema = z.enum(['pull', 'prewarm']);
export type JobClass = z.infer<typeof classSchema>;

/** What happened to a job on a host, for `shoal logs`. Text from outside stands in `text` alone. */
export const jobEventSchema = z.object({
  agoMs: amountSchema.describe('before the message was sent: clocks of hosts differ'),
  level: z.enum(['info', 'warn', 'error']),
  event: z.string().min(1).max(64),
  reference: referenceSchema.optional(),
  digest: digestSchema.optional(),
  bytes: amountSchema.optional(),
  code: z.string().min(1).max(64).optional(),
  text: z
    .string()
    .overwrite((text) => text.slice(0, MAX_ERROR_TEXT_CHARS))
    .optional(),
});
export type JobEvent = z.infer<typeof jobEventSchema>;

export const imageReportSchema = z.object({
  reference: referenceSchema,
  state: z.enum(['fetching', 'loading', 'ready', 'failed']),
  imageBytes: amountSchema.describe('compressed layers and the image config'),
  wantedBytes: amountSchema.describe('layers this host lacked at the start'),
  haveBytes: amountSchema.describe('of the wanted bytes, verified'),
  peerBytes: amountSchema.describe('received from peers in this job'),
  resumedBytes: amountSchema.describe('of the wanted bytes, on disk at the start'),
  archiveBytes: amountSchema.describe('sent into the engine or the archive'),
  imageId: digestSchema.optional(),
  exit: z.enum(['engine', 'archive', 'cache']).optional(),
  archivePath: z.string().max(4096).optional(),
  feeders: z.array(z.object({ name: nameSchema, bytes: amountSchema })).max(MAX_FEEDERS),
  error: sessionErrorSchema.optional(),
});
export type ImageReport = z.infer<typeof imageReportSchema>;
