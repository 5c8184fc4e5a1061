/** `shoal pull`: brings an image onto this host now, through the swarm. */
import type { JobRequest } from '@shoal/tracker/client';
import { Command } from 'commander';
import type { Io } from '../output/io.ts';
import { addLocalAgentOptions, askLocalAgent, type LocalAgentFlags } from '../people/local-agent.ts';
import { checkReferences, orderJob } from '../people/order-job.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & LocalAgentFlags & { json: boolean };

export function pullCommand(io: Io): Command {
  const command = new Command('pull')
    .description('bring an image onto this host and wait for it; the tracker is that of the agent of this host')
    .argument('<reference>', 'image, as docker pull takes it');
  return addTrackerOptions(addLocalAgentOptions(command)).action(
    async (reference: string, { config, dataDir, controlPort, json, ...flags }: Flags) => {
      checkReferences([reference]);
      const { status, caFile } = await askLocalAgent({ config, dataDir, controlPort }, io);
      const fallback = { url: status.tracker.url, caFile };
      const request: JobRequest = { images: [reference], hosts: [status.name], class: 'pull' };
      await withTracker(io, { ...flags, fallback }, (client) => orderJob(client, { ...request, wait: true, json }, io));
    },
  );
}
