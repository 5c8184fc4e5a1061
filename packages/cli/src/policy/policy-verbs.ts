/** `shoal policy apply|show|history|rollback`: the policy that is in force at the tracker. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type PolicyView, TrackerApiError, type TrackerClient } from '@shoal/tracker/client';
import { Command, InvalidArgumentError } from 'commander';
import { formatTable, printable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { lineDiff } from '../output/line-diff.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';
import { readPolicy } from './read-policy.ts';

type Flags = TrackerFlags & { json: boolean; dryRun?: boolean };

export function applyCommand(io: Io): Command {
  return withJson(new Command('apply').description('put a policy file in force on every agent'))
    .argument('<file>', 'the policy, e.g. bandwidth.yaml')
    .option('--dry-run', 'only show what would change', false)
    .action(async (file: string, { json, dryRun, ...flags }: Flags) => {
      readPolicy(file, io.cwd);
      const text = readFileSync(resolve(io.cwd, file), 'utf8');
      await withTracker(io, flags, async (client) => {
        const before = await inForce(client);
        const diff = lineDiff(before?.text ?? '', text);
        const after = dryRun || diff === '' ? before : await client.applyPolicy(text);
        if (json) return io.stdout(`${JSON.stringify({ version: after?.version ?? null, diff })}\n`);
        io.stdout(printableLines(diff));
        if (diff === '') io.stderr(`nothing changes: version ${before?.version} is in force\n`);
        else io.stderr(dryRun ? 'nothing was changed (--dry-run)\n' : `version ${after?.version} is in force\n`);
      });
    });
}

export function showCommand(io: Io): Command {
  return withJson(new Command('show').description('print the policy in force, or an old version of it'))
    .argument('[version]', 'its number, as history lists it', parseVersion)
    .action(async (version: number | undefined, { json, ...flags }: Flags) => {
      const policy = await withTracker(io, flags, (client) => client.policy(version));
      io.stdout(json ? `${JSON.stringify(policy)}\n` : policy.text);
    });
}

export function historyCommand(io: Io): Command {
  return withJson(new Command('history').description('list every version of the policy, newest first')).action(
    async ({ json, ...flags }: Flags) => {
      const versions = await withTracker(io, flags, (client) => client.policyVersions());
      const rows = versions.map(({ version, appliedAt, appliedBy }) => [String(version), appliedAt, appliedBy]);
      io.stdout(json ? `${JSON.stringify(versions)}\n` : formatTable(['VERSION', 'APPLIED', 'BY'], rows));
    },
  );
}

export function rollbackCommand(io: Io): Command {
  return withJson(new Command('rollback').description('put an old version in force again, as a new one'))
    .argument('<version>', 'its number, as history lists it', parseVersion)
    .action(async (version: number, { json, ...flags }: Flags) => {
      await withTracker(io, flags, async (client) => {
        const before = await inForce(client);
        const after = await client.rollbackPolicy(version);
        const diff = lineDiff(before?.text ?? '', after.text);
        if (json) return io.stdout(`${JSON.stringify({ version: after.version, diff })}\n`);
        io.stdout(printableLines(diff));
        io.stderr(`version ${after.version} is in force, with the text of version ${version}\n`);
      });
    });
}

function withJson(command: Command): Command {
  return addTrackerOptions(command).option('--json', 'the result as one line of JSON', false);
}

async function inForce(client: TrackerClient): Promise<PolicyView | undefined> {
  try {
    return await client.policy();
  } catch (error) {
    if (error instanceof TrackerApiError && error.code === 'NO_POLICY') return undefined;
    throw error;
  }
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

function parseVersion(text: string): number {
  const version = Number(text);
  if (Number.isSafeInteger(version) && version > 0) return version;
  throw new InvalidArgumentError('Give the number of a version; "shoal policy history" lists them.');
}
