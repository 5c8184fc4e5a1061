/** `shoal wait`: blocks until an image is on hosts, for pipelines. */
import { type HostCoverage, isSettled, type TrackerClient } from '@shoal/tracker/client';
import { Command, Option } from 'commander';
import { EXIT } from '../errors.ts';
import { describeCoverage } from '../output/coverage.ts';
import type { Io } from '../output/io.ts';
import { parseDuration } from '../people/moments.ts';
import { checkReferences } from '../people/order-job.ts';
import { addSelector } from '../people/selectors.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & { hosts?: string[]; timeout?: number; json: boolean };

export function waitCommand(io: Io): Command {
  const command = new Command('wait')
    .description('wait until open jobs have brought an image onto hosts; exit 0 only when all of them have it')
    .argument('<reference>', 'image, as docker pull takes it')
    .addOption(new Option('--hosts <selector>', 'as for "shoal prewarm"; default: all agents').argParser(addSelector))
    .addOption(new Option('--timeout <time>', 'give up after so long: 30m, 2h').argParser(parseDuration));
  return addTrackerOptions(command).action(async (reference: string, { hosts, timeout, json, ...tracker }: Flags) => {
    checkReferences([reference]);
    await withTracker(io, tracker, async (client) => {
      const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
      const before = await client.coverage(reference, hosts);
      await Promise.all(openJobs(before.hosts).map((id) => untilEnded(client, { id, hosts: before.hosts, signal })));
      const coverage = await client.coverage(reference, hosts);
      io.stdout(json ? `${JSON.stringify(coverage)}\n` : describeCoverage(coverage));
      const missing = coverage.hosts.filter(({ ready }) => !ready);
      if (missing.length === 0) return;
      io.setExitCode(EXIT.failed);
      if (!json && openJobs(missing).length === 0)
        io.stderr(`no open job brings it to the others; order it: shoal prewarm ${reference}\n`);
    });
  });
}

function openJobs(hosts: readonly HostCoverage[]): string[] {
  return [...new Set(hosts.filter(({ ready }) => !ready).flatMap(({ jobs }) => jobs))];
}

/** Until the job has ended on those of its hosts that are waited for, or the time is over. */
async function untilEnded(
  client: TrackerClient,
  { id, hosts, signal }: { id: string; hosts: readonly HostCoverage[]; signal: AbortSignal | undefined },
): Promise<void> {
  const wanted = new Set(hosts.filter(({ ready }) => !ready).map(({ peerId }) => peerId));
  try {
    for await (const view of client.watchJob(id, { signal })) {
      const ours = view.hosts.filter(({ peerId }) => wanted.has(peerId));
      if (isSettled(view.state) || ours.every(({ state }) => state === 'ready' || state === 'failed')) return;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
