/**
 * The command `shoal`: its verbs, and how one run of it ends. Decides exit codes and that `--json` is everywhere.
 */
import { Command, CommanderError } from 'commander';
import { CliError, EXIT } from './errors.ts';
import type { Io } from './output/io.ts';
import { reportError } from './output/report-error.ts';
import { agentCommand } from './verbs/agent.ts';
import { backupCommand, restoreCommand } from './verbs/backup.ts';
import { cacheCommand } from './verbs/cache.ts';
import { configCommand } from './verbs/config.ts';
import { demoCommand } from './verbs/demo.ts';
import { doctorCommand } from './verbs/doctor.ts';
import { hostsCommand } from './verbs/hosts.ts';
import { jobCommand } from './verbs/job.ts';
import { jobsCommand } from './verbs/jobs.ts';
import { logsCommand } from './verbs/logs.ts';
import { policyCommand } from './verbs/policy.ts';
import { prewarmCommand } from './verbs/prewarm.ts';
import { pullCommand } from './verbs/pull.ts';
import { setupCommand } from './verbs/setup.ts';
import { simulateCommand } from './verbs/simulate.ts';
import { statusCommand } from './verbs/status.ts';
import { stopCommand } from './verbs/stop.ts';
import { tokenCommand } from './verbs/token.ts';
import { torrentCommand } from './verbs/torrent.ts';
import { trackerCommand } from './verbs/tracker.ts';
import { versionCommand } from './verbs/version.ts';
import { waitCommand } from './verbs/wait.ts';
import { shoalVersion } from './version.ts';

const VERBS = [
  trackerCommand,
  agentCommand,
  stopCommand,
  demoCommand,
  prewarmCommand,
  pullCommand,
  jobsCommand,
  jobCommand,
  logsCommand,
  waitCommand,
  hostsCommand,
  statusCommand,
  doctorCommand,
  cacheCommand,
  tokenCommand,
  backupCommand,
  restoreCommand,
  torrentCommand,
  setupCommand,
  simulateCommand,
  policyCommand,
  configCommand,
  versionCommand,
];

/** `io.setExitCode` is for a verb that printed its result although it is a failure; others throw. */
export async function runShoal(args: readonly string[], io: Io & { exitCode(): number }): Promise<number> {
  const program = createProgram(io);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return io.exitCode();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    return reportError(usageError(error, verbIn(args, program)), io, args.includes('--json'));
  }
}

export function createProgram(io: Io): Command {
  const program = new Command('shoal')
    .description('Container images that spread between hosts, under a bandwidth policy, into the Docker Engine')
    .version(shoalVersion(), '--version', 'show the version')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ sortOptions: false })
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr, outputError: () => {} });
  for (const verb of VERBS) program.addCommand(adopt(verb(io), program));
  return program;
}

/** A command built on its own knows nothing of the program's output and ends the process by itself. */
function adopt(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) adopt(child, command);
  const isVerb = command.commands.length === 0;
  if (isVerb && !command.options.some(({ long }) => long === '--json'))
    command.option('--json', 'the result, or the error, as one line of JSON on stdout', false);
  return command;
}

/** `token create`: the verb that was meant, with what follows it directly; undefined when there is none. */
function verbIn(args: readonly string[], program: Command): string | undefined {
  const named = (arg: string | undefined, command: Command) => command.commands.find((child) => child.name() === arg);
  const index = args.findIndex((arg) => named(arg, program) !== undefined);
  const verb = named(args[index], program);
  const child = verb && named(args[index + 1], verb);
  return child === undefined ? verb?.name() : `${verb?.name()} ${child.name()}`;
}

function usageError(error: unknown, verb: string | undefined): unknown {
  if (!(error instanceof CommanderError)) return error;
  const help = `"shoal${verb === undefined ? '' : ` ${verb}`} --help" shows how it is used.`;
  if (error.code === 'commander.help') return new CliError('WRONG_USAGE', `a verb is missing. ${help}`);
  const what = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new CliError('WRONG_USAGE', `${what}${/[.!?)]$/.test(what) ? '' : '.'} ${help}`, { cause: error });
}
