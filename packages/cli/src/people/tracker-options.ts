/**
 * How people's verbs find the tracker and show who they are. Decides where address, token and authority come from:
 * option over environment over default.
 */
import { createTrackerClient, type TrackerClient } from '@shoal/tracker/client';
import { type Command, Option } from 'commander';
import { readSecretFile, readTextFile } from '../config/sources.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';

export const DEFAULT_TRACKER_URL = 'https://127.0.0.1:7600';

export interface TrackerFlags {
  /** True for the bare `--tracker` of `shoal status`. */
  tracker?: string | true;
  token?: string;
  tokenFile?: string;
  ca?: string;
}

export function addTrackerOptions(command: Command, address = '--tracker <url>'): Command {
  return command
    .addOption(new Option(address, `address of the tracker (env SHOAL_TRACKER, default ${DEFAULT_TRACKER_URL})`))
    .addOption(
      new Option(
        '--token-file <file>',
        'file with your token (env SHOAL_TOKEN_FILE, or SHOAL_TOKEN with the token itself)',
      ),
    )
    .addOption(new Option('--token <token>', 'your token; discouraged, others on this machine can see it'))
    .addOption(new Option('--ca <file>', "PEM of the authority of the tracker's certificate (env SHOAL_CA)"));
}

/** What stands in where neither option nor environment says it. */
export interface TrackerFallback {
  url?: string;
  caFile?: string;
}

/** Calls `use` with a client and closes it. Throws CliError WRONG_USAGE, NO_TOKEN, UNREADABLE_FILE. */
export async function withTracker<T>(
  io: Io,
  flags: TrackerFlags & { fallback?: TrackerFallback },
  use: (client: TrackerClient) => Promise<T>,
): Promise<T> {
  const client = createTrackerClient(connectionOf(io, flags));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

export function connectionOf(io: Io, flags: TrackerFlags & { fallback?: TrackerFallback }) {
  const { env } = io.host;
  const given = flags.tracker === true ? undefined : flags.tracker;
  const url = given || env.SHOAL_TRACKER || flags.fallback?.url || DEFAULT_TRACKER_URL;
  const caFile = flags.ca || env.SHOAL_CA || flags.fallback?.caFile;
  return { url: checkedUrl(url), token: tokenOf(io, flags), ca: caFile ? readTextFile(caFile) : undefined };
}

function tokenOf(io: Io, { token, tokenFile }: TrackerFlags): string {
  const { env } = io.host;
  if (token !== undefined && tokenFile !== undefined)
    throw new CliError('WRONG_USAGE', 'give --token-file or --token, not both.');
  if (token) return token;
  if (tokenFile) return readSecretFile(tokenFile);
  if (env.SHOAL_TOKEN) return env.SHOAL_TOKEN;
  if (env.SHOAL_TOKEN_FILE) return readSecretFile(env.SHOAL_TOKEN_FILE);
  throw new CliError(
    'NO_TOKEN',
    'no token for the tracker. Set SHOAL_TOKEN or give --token-file; on the tracker\'s host "shoal token create --role admin --name NAME" makes one.',
  );
}

function checkedUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new CliError(
    'WRONG_USAGE',
    `"${url}" is not the address of a tracker; write https://HOST:7600 or http://HOST:7600.`,
  );
}
