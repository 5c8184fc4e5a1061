/** What the HTTP API says of an image on the fleet. */
import { z } from 'zod';
import { instantSchema } from './job-schemas.ts';
import { amountSchema, digestSchema, nameSchema, peerIdSchema, platformSchema, sessionErrorSchema } from './shapes.ts';

const hostFacts = { peerId: peerIdSchema, name: nameSchema, online: z.boolean(), platform: platformSchema };

export const hostCoverageSchema = z.object({
  ...hostFacts,
  digest: digestSchema.optional().describe('of the manifest this host gets; none: there is none for it'),
  imageBytes: amountSchema.optional(),
  ready: z.boolean().describe('a job of this tracker brought it'),
  readyAt: instantSchema.optional(),
  jobs: z.array(z.string()).describe('open ones that bring it'),
  error: sessionErrorSchema.optional().describe('why it cannot run it'),
});
export type HostCoverage = z.infer<typeof hostCoverageSchema>;

export const coverageSchema = z.object({ reference: z.string(), hosts: z.array(hostCoverageSchema) });
export type Coverage = z.infer<typeof coverageSchema>;

export const outdatedHostSchema = z.object({
  ...hostFacts,
  reference: z.string().optional().describe('the newest it has by this tracker'),
  imageVersion: z.string().optional(),
});
export type OutdatedHost = z.infer<typeof outdatedHostSchema>;
