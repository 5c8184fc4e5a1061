/**
 * The messages of a session: JSON over one WebSocket between an agent and the tracker.
 * Decides their shape in both directions and the limits of what an agent may send.
 * Does not decide in which order they come or what they cause.
 */
import { type Descriptor, isRepository } from '@shoal/oci';
import type { ShareAnswer, SharedCap } from '@shoal/policy';
import { z } from 'zod';
import type { JobTerms } from './job-schemas.ts';
import {
  amountSchema,
  cardRatesSchema,
  digestSchema,
  engineSchema,
  type ImageReport,
  imageReportSchema,
  type JobClass,
  jobEventSchema,
  labelsSchema,
  nameSchema,
  peerIdSchema,
  platformSchema,
  type SessionError,
  sessionErrorSchema,
  swarmIdSchema,
  trafficSchema,
} from './shapes.ts';

export const SESSION_PROTOCOL = 1;
export const SESSION_PATH = '/v1/session';
/** The text an agent signs in front of the challenge's nonce. */
export const SESSION_SIGNATURE_DOMAIN = 'shoal-session-v1';
/** Largest message of an agent: the hashes of a 300 GB blob, or a store of 20,000 blobs. */
export const MAX_AGENT_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Largest message of the tracker: a job carries manifests and image configs. */
export const MAX_TRACKER_MESSAGE_BYTES = 64 * 1024 * 1024;
export const HASH_BYTES = 32;
/** An agent that wants leases of more asks in several messages. */
export const MAX_LEASE_PIECES = 1024;
/** Of those that it has blocked an agent names the last ones. */
export const MAX_REPLACED = 64;
/** Longer than any token seen; headers end at 16 KiB in Node. */
export const MAX_AUTHORIZATION_LENGTH = 16 * 1024;
/** An agent under more shared caps asks in several messages. */
export const MAX_SHARE_ASKS = 256;
/** What an agent could not send while there was no session; older ones are dropped. */
export const MAX_JOB_EVENTS = 200;

const base64 = z.base64();
const base64url = z.base64url().max(256);

export const helloSchema = z.object({
  type: z.literal('hello'),
  protocol: z.int().nonnegative(),
  version: z.string().max(64),
  name: nameSchema,
  publicKey: base64url.describe('raw 32 byte Ed25519 key'),
  signature: base64url.describe("over 'shoal-session-v1' and the nonce's bytes"),
  peerHost: z.string().min(1).max(253).optional().describe('default: the address the tracker sees'),
  peerPort: z.int().min(1).max(65_535),
  labels: labelsSchema,
  platform: platformSchema,
  engine: engineSchema.nullable(),
});
export type Hello = z.infer<typeof helloSchema>;

export const cachedSchema = z.object({
  type: z.literal('cached'),
  blobs: z
    .array(
      z.object({
        digest: digestSchema,
        size: amountSchema,
        pieces: amountSchema.describe('count held'),
        complete: z.boolean(),
      }),
    )
    .max(100_000),
});

/** A client of the agent's registry proxy pulls the blob: its registry is asked whether it may. */
export const pullSchema = z.object({
  registry: z.string().min(1).max(259).describe('as it stands in image references, with its port'),
  repository: z.string().refine(isRepository, 'not a repository name'),
  authorization: z.string().max(MAX_AUTHORIZATION_LENGTH).optional().describe("the client's own; kept nowhere"),
});
export type Pull = z.infer<typeof pullSchema>;

export const joinSchema = z.object({
  type: z.literal('join'),
  request: z.int().positive().describe('0 is what the tracker answers `cached` with'),
  digest: digestSchema,
  jobId: z.string().max(64).optional().describe('the job that gives the right to it; else `pull` does'),
  pull: pullSchema.optional(),
});

export const leaveSchema = z.object({ type: z.literal('leave'), swarm: swarmIdSchema });

export const haveSchema = z.object({
  type: z.literal('have'),
  swarm: swarmIdSchema,
  pieces: amountSchema,
  complete: z.boolean(),
});

export const publishSchema = z.object({
  type: z.literal('publish'),
  swarm: swarmIdSchema,
  first: amountSchema.describe('index of the first piece in hashes'),
  hashes: base64.describe('n × 32 bytes'),
  originBytes: amountSchema.describe('read from the registry so far for this blob'),
});

/** May these pieces come over the uplink of the agent's zone through this agent? Asking again renews. */
export const leaseSchema = z.object({
  type: z.literal('lease'),
  swarm: swarmIdSchema,
  pieces: z.array(amountSchema).max(MAX_LEASE_PIECES).describe('indices of all it still fetches and of new ones'),
  shown: z
    .array(amountSchema)
    .max(MAX_LEASE_PIECES)
    .default([])
    .describe('those of them that a seeder shows to this agent alone'),
});

/** These neighbours sent wrong pieces again and again and are blocked: others instead of them. */
export const replaceSchema = z.object({
  type: z.literal('replace'),
  swarm: swarmIdSchema,
  peers: z.array(peerIdSchema).max(MAX_REPLACED).describe('ids of all that it has blocked'),
});

export const seedFailedSchema = z.object({
  type: z.literal('seedFailed'),
  swarm: swarmIdSchema,
  error: sessionErrorSchema,
});

/** The answer to `sha1`. Without any hash it says that this member cannot: the tracker asks another. */
export const sha1HashesSchema = z.object({
  type: z.literal('sha1Hashes'),
  swarm: swarmIdSchema,
  hashes: base64.describe('SHA-1 of every piece, n × 20 bytes'),
});

export const reportSchema = z.object({
  type: z.literal('report'),
  jobId: z.string().max(64),
  images: z.array(imageReportSchema).max(256),
  events: z.array(jobEventSchema).max(MAX_JOB_EVENTS).optional().describe('since the last report'),
});

export const trafficMessageSchema = trafficSchema.extend({
  type: z.literal('traffic'),
  card: cardRatesSchema.optional().describe('the network card lately, where it can be read'),
});

const partSchema = z.number().min(0).max(1).describe('of the cap');

export const shareAskSchema = z.object({
  rule: z.string().min(1).max(1024),
  per: z.enum(['zone', 'fleet', 'origin']),
  key: z.enum(['ingress', 'egress', 'download', 'upload']),
  number: z.int().positive().describe('counts the asks of this run for this cap'),
  answered: amountSchema.describe('number of the last answer it got'),
  offline: partSchema.describe('its part while it hears nothing of the tracker'),
  demand: partSchema.describe('what it would use now beside the offline part'),
});

/** Which part of the caps that hosts share may this agent use? */
export const sharesSchema = z.object({
  type: z.literal('shares'),
  run: z.string().min(1).max(64).describe('of this process; another one says that the process before has ended'),
  asks: z.array(shareAskSchema).max(MAX_SHARE_ASKS),
});

export const agentMessageSchema = z.discriminatedUnion('type', [
  helloSchema,
  cachedSchema,
  joinSchema,
  leaveSchema,
  haveSchema,
  publishSchema,
  leaseSchema,
  replaceSchema,
  seedFailedSchema,
  sha1HashesSchema,
  reportSchema,
  trafficMessageSchema,
  sharesSchema,
]);
export type AgentMessage = z.infer<typeof agentMessageSchema>;

/** A message of one type, for handlers. */
export type AgentMessageOf<T extends AgentMessage['type']> = Extract<AgentMessage, { type: T }>;

export type AgentRole = 'agent' | 'seeder';

export interface Neighbour {
  peerId: string;
  name: string;
  host: string;
  port: number;
  role: AgentRole;
  /** It stands in another zone than the receiver: pieces come from there under a lease. */
  remote?: true;
}

/** Bytes travel as base64. An agent checks them against the digest. */
export interface JobImage {
  reference: string;
  manifest: { mediaType: string; digest: string; data: string };
  config: { digest: string; data: string };
}

/** What of a job's terms its hosts keep to. */
export type HostTerms = Pick<JobTerms, 'priority' | 'by' | 'keepUntil' | 'cacheOnly' | 'force'>;

/** Where a seeder reads a blob. `registry` is the registry part of the reference. */
export interface SeedSource {
  registry: string;
  repository: string;
  descriptor: Descriptor;
}

/** Pieces that lie behind each other. */
export interface Stretch {
  first: number;
  count: number;
}

/** The part of one cap; see shares.ts of the policy package. */
export interface SharePart extends ShareAnswer {
  rule: string;
  per: SharedCap['per'];
  key: SharedCap['key'];
}

export interface SwarmFacts {
  swarm: string;
  digest: string;
  size: number;
  pieceLength: number;
  /** base64 of the known prefix of piece hashes, n × 32 bytes. */
  hashes: string;
  ticket: string;
}

/** A client that is not Shoal's. */
export interface ForeignPeer {
  /** The IP address it announces from: connections from there are its own. */
  host: string;
  /** Where it listens; 0 when it does not. */
  port: number;
}

export type TrackerMessage =
  | { type: 'challenge'; nonce: string }
  // `host`: where peers dial this agent.
  | { type: 'welcome'; peerId: string; host: string; trackerKey: string; role: AgentRole; trackerVersion: string }
  | { type: 'refused'; error: SessionError }
  | ({ type: 'joined'; request: number; neighbours: Neighbour[] } & SwarmFacts)
  | { type: 'joinRefused'; request: number; error: SessionError }
  | { type: 'neighbours'; swarm: string; neighbours: Neighbour[] }
  | { type: 'hashes'; swarm: string; first: number; hashes: string }
  | { type: 'ticket'; swarm: string; ticket: string }
  // The answer to `lease`; another host of the zone fetches the refused ones.
  | { type: 'leased'; swarm: string; granted: number[]; refused: number[] }
  | { type: 'retract'; swarm: string; digest: string; error: SessionError }
  // The blob has a torrent: its info hash and the foreign clients there are now, the whole list each time.
  | { type: 'foreign'; swarm: string; infoHash: string; peers: ForeignPeer[] }
  // Asks a member that holds the whole blob for the SHA-1 of each piece: `sha1Hashes`.
  | { type: 'sha1'; swarm: string }
  // Without `shared` this seeder reads the whole blob. Else it waits for `read`; the lead answers for the blob's
  // digest and gets what the others read from the swarm.
  | ({ type: 'seed'; class: JobClass; source: SeedSource; shared?: 'lead' | 'helper' } & SwarmFacts)
  | ({ type: 'read'; swarm: string } & Stretch)
  // The blob is complete: nothing more will be asked of a helper.
  | { type: 'seeded'; swarm: string }
  // The bandwidth policy in force, as the operator wrote it; version 0 and no text when there is none.
  | { type: 'policy'; version: number; text: string }
  // The answer to `shares`; caps that do not exist are left out. With `noZone` caps per zone are not for this agent.
  | { type: 'shares'; answers: SharePart[]; noZone?: true }
  // `reportMs`: how often its hosts report what moves, and the swarms of it.
  | ({ type: 'job'; jobId: string; class: JobClass; images: JobImage[]; reportMs?: number } & HostTerms)
  // After `paused` the job comes again.
  | { type: 'jobClosed'; jobId: string; reason: 'done' | 'cancelled' | 'paused' };

export type TrackerMessageOf<T extends TrackerMessage['type']> = Extract<TrackerMessage, { type: T }>;

export type { ImageReport, JobClass, SessionError };
