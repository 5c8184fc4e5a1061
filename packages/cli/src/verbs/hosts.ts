/** `shoal hosts`: the hosts the tracker knows. */
import { describePlatform } from '@shoal/oci';
import type { HostView } from '@shoal/tracker/client';
import { Command } from 'commander';
import { formatBytes, formatTable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

export function hostsCommand(io: Io): Command {
  return addTrackerOptions(new Command('hosts').description('list the hosts and what they are')).action(
    async ({ json, ...flags }: TrackerFlags & { json: boolean }) => {
      const hosts = await withTracker(io, flags, (client) => client.hosts());
      io.stdout(json ? `${JSON.stringify(hosts)}\n` : describeHosts(hosts));
    },
  );
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
