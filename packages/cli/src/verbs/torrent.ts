/** `shoal torrent`: a torrent of one blob, for a BitTorrent client that is no agent. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

interface TorrentFlags extends TrackerFlags {
  host: string;
  out: string;
  json: boolean;
}

export function torrentCommand(io: Io): Command {
  const command = new Command('torrent')
    .description('make a torrent of a blob that agents hold; it has a secret address, so keep the file as one')
    .argument('<digest>', 'the blob, sha256:…')
    .requiredOption('--host <name>', 'the host its client runs on, for the list of passkeys')
    .requiredOption('--out <file>', 'where the torrent is written, readable by you alone');
  return addTrackerOptions(command).action(async (digest: string, { host, out, json, ...flags }: TorrentFlags) => {
    const bytes = await withTracker(io, flags, (client) => client.createTorrent({ digest, host }));
    await writeFile(out, bytes, { mode: 0o600 }).catch((cause: NodeJS.ErrnoException) => {
      throw new CliError('UNWRITABLE_FILE', `${out} cannot be written (${cause.code}). See that its folder exists.`, {
        cause,
      });
    });
    io.stdout(json ? `${JSON.stringify({ digest, host, out, bytes: bytes.length })}\n` : `${out}\n`);
  });
}
