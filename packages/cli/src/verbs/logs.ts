/** `shoal logs`: what happened in a job, on all its hosts. */
import type { JobLog } from '@shoal/tracker/client';
import { Command } from 'commander';
import { formatBytes, formatTable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & { job: string; host?: string; errors: boolean; json: boolean };

export function logsCommand(io: Io): Command {
  const command = new Command('logs')
    .description("show what happened in a job on all its hosts, from the tracker's memory, oldest first")
    .requiredOption('--job <id>', 'as "shoal jobs" shows it')
    .option('--host <name>', 'only of this host')
    .option('--errors', 'only what went wrong', false);
  return addTrackerOptions(command).action(async ({ job, host, errors, json, ...flags }: Flags) => {
    const log = await withTracker(io, flags, (client) => client.jobLog(job));
    const entries = log.entries.filter(
      (entry) => (host === undefined || entry.host === host) && !(errors && entry.level === 'info'),
    );
    io.stdout(json ? `${JSON.stringify({ ...log, entries })}\n` : describe({ ...log, entries }));
    if (!json && log.dropped > 0)
      io.stderr(`${log.dropped} older events are kept no more; each host's log has its own\n`);
  });
}

function describe({ entries }: JobLog): string {
  const rows = entries.map(({ at, host, level, event, reference, digest, bytes, code, text }) => [
    ...[at, host ?? '(tracker)', level, event],
    [reference ?? digest, bytes === undefined ? undefined : formatBytes(bytes), text, code && `(${code})`]
      .filter((part) => part !== undefined)
      .join(' '),
  ]);
  return formatTable(['AT', 'HOST', 'LEVEL', 'EVENT', 'WHAT'], rows);
}
