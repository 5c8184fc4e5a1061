/**
 * What the HTTP API says of the whole fleet and of a job's hosts in few bytes: what a page can show of ten thousand
 * hosts and follow live.
 */
import { z } from 'zod';
import { instantSchema, jobHostSchema, jobStateSchema, jobSummarySchema } from './job-schemas.ts';
import { amountSchema, nameSchema, peerIdSchema, sessionErrorSchema, trafficSchema } from './shapes.ts';

export const hostGroupSchema = z.object({
  name: z.string().describe('empty: the hosts that name none'),
  online: amountSchema,
  offline: amountSchema,
});
export type HostGroup = z.infer<typeof hostGroupSchema>;

const groupsSchema = z.array(hostGroupSchema).describe('the largest 100, by size');

export const fleetViewSchema = z.object({
  at: instantSchema,
  agents: z.object({ known: amountSchema, online: amountSchema }),
  seeders: z.object({ known: amountSchema, online: amountSchema }),
  zones: groupsSchema,
  versions: groupsSchema,
  platforms: groupsSchema,
  traffic: trafficSchema.describe('of all known hosts, since each of them started'),
});
export type FleetView = z.infer<typeof fleetViewSchema>;

export const logEntrySchema = z.object({
  number: amountSchema.describe('ascending, without gaps until the tracker restarts'),
  at: instantSchema,
  kind: z.enum(['job', 'hostCame', 'hostLeft', 'manyHosts']),
  id: z.string().optional().describe('of the job, or the host'),
  name: z.string().optional().describe('the host, or the first image of the job'),
  state: jobStateSchema.optional(),
  came: amountSchema.optional().describe('of many hosts within a second'),
  left: amountSchema.optional(),
});
export type LogEntry = z.infer<typeof logEntrySchema>;

/** One event of the fleet's stream: first all jobs and the latest entries, then what is new. */
export const fleetChangeSchema = z.object({
  fleet: fleetViewSchema,
  whole: z.boolean().describe('jobs and log are all there is, not what changed'),
  jobs: z.array(jobSummarySchema),
  log: z.array(logEntrySchema),
});
export type FleetChange = z.infer<typeof fleetChangeSchema>;

export const HOST_STATES = ['waiting', 'fetching', 'loading', 'ready', 'failed'] as const;

/** One event of a job's cells. Hosts are numbered in the order in which `hosts` first named them, from 0. */
export const jobCellsSchema = z.object({
  job: jobSummarySchema,
  hosts: z
    .array(z.object({ peerId: peerIdSchema, name: nameSchema, wave: amountSchema.optional() }))
    .describe('not named before on this stream'),
  cells: z
    .array(amountSchema)
    .describe('four numbers a host that changed: its number, index of its state, percent, 1 when online'),
  errors: z.array(z.object({ host: amountSchema, error: sessionErrorSchema })).describe('of hosts that failed'),
});
export type JobCells = z.infer<typeof jobCellsSchema>;

const shareSchema = z.array(z.object({ name: nameSchema, bytes: amountSchema }));

export const jobHostDetailSchema = z.object({
  host: jobHostSchema,
  feeds: shareSchema.describe('hosts of this job that name it as one of their largest sources, the first 20'),
});
export type JobHostDetail = z.infer<typeof jobHostDetailSchema>;
