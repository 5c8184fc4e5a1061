/** `shoal token`: makes, lists and revokes tokens in the tracker's database, whether the tracker runs or not. */
import { existsSync } from 'node:fs';
import { createToken, listTokens, revokeToken } from '@shoal/tracker';
import type { TokenRole, TokenView } from '@shoal/tracker/client';
import { Command, Option } from 'commander';
import { startError } from '../daemon/start-error.ts';
import { CliError } from '../errors.ts';
import { formatTable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { addTrackerPlace, type TrackerPlaceFlags, trackerDataDir } from '../people/tracker-place.ts';

const ROLES: readonly TokenRole[] = ['admin', 'reader', 'agent', 'seeder'];

type Flags = TrackerPlaceFlags & { json: boolean };

export function tokenCommand(io: Io): Command {
  return new Command('token')
    .description("tokens of people and agents, in the database of this host's tracker")
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io));
}

function createCommand(io: Io): Command {
  const role = new Option('--role <role>', 'admin and reader are for people, agent and seeder let agents join');
  return addTrackerPlace(new Command('create').description('make a token; it is shown once'))
    .addOption(role.choices(ROLES).makeOptionMandatory())
    .requiredOption('--name <name>', 'who it is for')
    .action(({ role, name, ...flags }: Flags & { role: TokenRole; name: string }) => {
      if (name.trim() === '' || name.length > 253)
        throw new CliError('WRONG_USAGE', '--name takes 1 to 253 characters.');
      const dataDir = trackerDataDir(flags, io);
      const { id, token } = inDatabase(dataDir, () => makeToken(dataDir, role, name));
      io.stdout(flags.json ? `${JSON.stringify({ id, role, name, token })}\n` : `${token}\n`);
      if (!flags.json) io.stderr(`token ${id} for ${name}, role ${role}, made in ${dataDir}; it is not shown again\n`);
    });
}

function listCommand(io: Io): Command {
  return addTrackerPlace(new Command('list').description('list the tokens, without the tokens themselves')).action(
    (flags: Flags) => {
      const dataDir = existing(trackerDataDir(flags, io));
      const tokens = inDatabase(dataDir, () => listTokens(dataDir));
      const rows = tokens.map(({ id, role, name, createdAt, expiresAt = '–' }) => [
        id,
        role,
        name,
        createdAt,
        expiresAt,
      ]);
      const head = ['ID', 'ROLE', 'NAME', 'CREATED', 'EXPIRES'];
      io.stdout(flags.json ? `${JSON.stringify(tokens)}\n` : formatTable(head, rows));
    },
  );
}

function revokeCommand(io: Io): Command {
  const command = new Command('revoke').description(
    'revoke a token; sessions of a revoked join token end within fifteen seconds',
  );
  return addTrackerPlace(command.argument('<id>', 'as "shoal token list" shows it')).action(
    (id: string, flags: Flags) => {
      const dataDir = existing(trackerDataDir(flags, io));
      if (!inDatabase(dataDir, () => revokeToken(dataDir, id)))
        throw new CliError(
          'UNKNOWN_TOKEN',
          `no token has the id ${id}. "shoal token list" lists the tokens there are.`,
        );
      io.stdout(flags.json ? `${JSON.stringify({ id, revoked: true })}\n` : `revoked ${id}\n`);
    },
  );
}

/** A mistyped folder must not become an empty database. */
function existing(dataDir: string): string {
  if (existsSync(dataDir)) return dataDir;
  throw new CliError('NO_TRACKER_DATA', `there is no folder ${dataDir}. Give the tracker's --data-dir or --config.`);
}

/** The database returns the token only; its id is the new one in the list. */
function makeToken(dataDir: string, role: TokenRole, name: string): { id: string; token: string } {
  const known = new Set(listTokens(dataDir).map(({ id }) => id));
  const token = createToken(dataDir, { role, name });
  const isNew = (view: TokenView) => !known.has(view.id) && view.role === role && view.name === name;
  return { id: listTokens(dataDir).findLast(isNew)?.id ?? '', token };
}

function inDatabase<T>(dataDir: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw startError(error, { dataDir, address: dataDir, portKey: 'dataDir' });
  }
}
