/**
 * The command `shoal`: its verbs, and how one run of it ends. Decides exit codes and that `--json` is everywhere.
 */
import { Command, CommanderError } from 'commander';
import { CliError, EXIT } from './errors.ts';
import type { Io } from './output/io.ts';
import { reportError } from './output/report-error.ts';
import { shoalVersion } from './version.ts';

/**
 * Each is loaded when it is used: the tracker's server and database are half of all code, and an agent would carry them
 * in memory, a person wait for them.
 */
const VERBS: Record<string, () => Promise<(io: Io) => Command>> = {
  tracker: async () => (await import('./verbs/tracker.ts')).trackerCommand,
  agent: async () => (await import('./verbs/agent.ts')).agentCommand,
  stop: async () => (await import('./verbs/stop.ts')).stopCommand,
  demo: async () => (await import('./verbs/demo.ts')).demoCommand,
  prewarm: async () => (await import('./verbs/prewarm.ts')).prewarmCommand,
  pull: async () => (await import('./verbs/pull.ts')).pullCommand,
  jobs: async () => (await import('./verbs/jobs.ts')).jobsCommand,
  job: async () => (await import('./verbs/job.ts')).jobCommand,
  logs: async () => (await import('./verbs/logs.ts')).logsCommand,
  wait: async () => (await import('./verbs/wait.ts')).waitCommand,
  hosts: async () => (await import('./verbs/hosts.ts')).hostsCommand,
  status: async () => (await import('./verbs/status.ts')).statusCommand,
  doctor: async () => (await import('./verbs/doctor.ts')).doctorCommand,
  cache: async () => (await import('./verbs/cache.ts')).cacheCommand,
  token: async () => (await import('./verbs/token.ts')).tokenCommand,
  backup: async () => (await import('./verbs/backup.ts')).backupCommand,
  restore: async () => (await import('./verbs/backup.ts')).restoreCommand,
  torrent: async () => (await import('./verbs/torrent.ts')).torrentCommand,
  setup: async () => (await import('./verbs/setup.ts')).setupCommand,
  simulate: async () => (await import('./verbs/simulate.ts')).simulateCommand,
  policy: async () => (await import('./verbs/policy.ts')).policyCommand,
  config: async () => (await import('./verbs/config.ts')).configCommand,
  version: async () => (await import('./verbs/version.ts')).versionCommand,
};

/** `io.setExitCode` is for a verb that printed its result although it is a failure; others throw. */
export async function runShoal(args: readonly string[], io: Io & { exitCode(): number }): Promise<number> {
  const program = await createProgram(io, args[0]);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return io.exitCode();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    return reportError(usageError(error, verbIn(args, program)), io, args.includes('--json'));
  }
}

/** With one verb where `verb` is the name of one, else with all. */
export async function createProgram(io: Io, verb = ''): Promise<Command> {
  const program = new Command('shoal')
    .description('Container images that spread between hosts, under a bandwidth policy, into the Docker Engine')
    .version(shoalVersion(), '--version', 'show the version')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ sortOptions: false })
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr, outputError: () => {} });
  const wanted = Object.hasOwn(VERBS, verb) ? [VERBS[verb]] : Object.values(VERBS);
  for (const load of wanted) if (load) program.addCommand(adopt((await load())(io), program));
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
