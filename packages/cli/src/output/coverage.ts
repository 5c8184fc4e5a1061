/** An image on the fleet as text. */
import { describePlatform } from '@shoal/oci';
import type { Coverage, HostCoverage, OutdatedHost } from '@shoal/tracker/client';
import { formatTable } from './format.ts';

export function describeCoverage({ reference, hosts }: Coverage): string {
  const rows = hosts.map((host) => [
    host.name,
    describePlatform(host.platform),
    host.digest ?? 'none',
    stateOf(host),
    host.error === undefined ? '' : `${host.error.text} (${host.error.code})`,
  ]);
  const ready = hosts.filter((host) => host.ready).length;
  const table = formatTable(['HOST', 'PLATFORM', 'MANIFEST', 'STATE', 'WHY NOT'], rows);
  return `${table}${reference} is on ${ready} of ${hosts.length} hosts\n`;
}

function stateOf({ ready, readyAt, jobs, error }: HostCoverage): string {
  if (ready) return `there since ${readyAt}`;
  if (jobs.length > 0) return `on its way (${jobs.join(', ')})`;
  return error === undefined ? 'not there' : 'cannot run it';
}

export function describeOutdated(hosts: readonly OutdatedHost[]): string {
  if (hosts.length === 0) return 'every Windows host has a base image as new as itself\n';
  const rows = hosts.map(({ name, platform, imageVersion, reference }) => [
    name,
    platform.osVersion ?? 'unknown',
    imageVersion ?? 'none',
    reference ?? '',
  ]);
  return formatTable(['HOST', 'ITS VERSION', 'BASE IMAGE', 'FROM'], rows);
}
