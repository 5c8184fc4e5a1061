/** `shoal hosts`: the hosts the tracker knows, and how they stand with an image. */
import { describePlatform } from '@shoal/oci';
import type { HostView, TrackerClient } from '@shoal/tracker/client';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import { describeCoverage, describeOutdated } from '../output/coverage.ts';
import { formatBytes, formatTable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { checkReferences } from '../people/order-job.ts';
import { addSelector } from '../people/selectors.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & { forget?: string; image?: string; outdated?: string; hosts?: string[]; json: boolean };

export function hostsCommand(io: Io): Command {
  const command = new Command('hosts')
    .description('list the hosts and what they are')
    .option('--forget <host>', 'let go of a host that is gone for good: open jobs no longer wait for it')
    .option('--image <reference>', 'which manifest of this image each host gets, and whether it has it')
    .option('--outdated <base>', 'Windows hosts whose image of this repository is older than themselves')
    .addOption(new Option('--hosts <selector>', 'with --image or --outdated: only these hosts').argParser(addSelector));
  return addTrackerOptions(command).action(async ({ json, forget, image, outdated, hosts, ...flags }: Flags) => {
    if ([forget, image, outdated].filter((one) => one !== undefined).length > 1)
      throw new CliError('WRONG_USAGE', 'give one of --forget, --image and --outdated.');
    if (hosts !== undefined && image === undefined && outdated === undefined)
      throw new CliError('WRONG_USAGE', '--hosts needs --image or --outdated beside it.');
    checkReferences([image, outdated].filter((reference) => reference !== undefined));
    const say = <T>(value: T, describe: (value: T) => string) =>
      io.stdout(json ? `${JSON.stringify(value)}\n` : describe(value));
    await withTracker(io, flags, async (client) => {
      if (forget !== undefined) return say(await forgetHost(client, forget), () => `forgot ${forget}\n`);
      if (image !== undefined) return say(await client.coverage(image, hosts), describeCoverage);
      if (outdated !== undefined) return say(await client.outdated(outdated, hosts), describeOutdated);
      say(await client.hosts(), describeHosts);
    });
  });
}

/** By name or peer id; of hosts with one name the one that is away. */
async function forgetHost(client: TrackerClient, wanted: string): Promise<{ peerId: string; name: string }> {
  const named = (await client.hosts()).filter(({ name, peerId }) => name === wanted || peerId === wanted);
  const away = named.filter(({ online }) => !online);
  const [host] = away.length > 0 ? away : named;
  if (host === undefined)
    throw new CliError('UNKNOWN_HOST', `no host is called ${wanted}. "shoal hosts" lists those there are.`);
  if (away.length > 1)
    throw new CliError(
      'WRONG_USAGE',
      `${away.length} hosts are called ${wanted}; give the peerId of one of them, as "shoal hosts --json" has it.`,
    );
  await client.forgetHost(host.peerId);
  return { peerId: host.peerId, name: host.name };
}

function describeHosts(hosts: readonly HostView[]): string {
  const rows = hosts.map((host) => [
    host.name,
    host.role,
    host.online ? 'online' : `offline since ${host.lastSeenAt}`,
    describePlatform(host.platform),
    host.engine === null ? 'none' : `${host.engine.version} ${host.engine.store}`,
    formatBytes(host.traffic.receivedBytes),
    formatBytes(host.traffic.sentBytes),
    Object.entries(host.labels)
      .map(([name, text]) => `${name}=${text}`)
      .join(' '),
    host.version,
  ]);
  return formatTable(['HOST', 'ROLE', 'STATE', 'PLATFORM', 'ENGINE', 'RECEIVED', 'SENT', 'LABELS', 'VERSION'], rows);
}
