/** `shoal setup docker|containerd|podman`: points a program of this host at the agent's proxy, or with `--undo` no more. */
import { join, resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { readTextFile } from '../config/sources.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { applyPlan, compare, type Keeping, readManifest, type UndoneFile, undo } from '../setup/apply.ts';
import { planContainerd } from '../setup/containerd-plan.ts';
import {
  commandsAfter,
  describeApplied,
  describeDiffs,
  describeUndone,
  reportApplied,
} from '../setup/describe-setup.ts';
import { planDocker } from '../setup/docker-plan.ts';
import { openHostFiles } from '../setup/host-files.ts';
import { type HostView, type Plan, PROGRAMS, type Program } from '../setup/plan.ts';
import { planPodman } from '../setup/podman-plan.ts';
import { askEngineVersion, proxyCaFile, readPlace, readSettings, type SettingFlags } from '../setup/read-settings.ts';
import { windowsScript } from '../setup/windows-script.ts';

interface Flags extends SettingFlags {
  engineVersion?: string;
  root?: string;
  dryRun: boolean;
  undo: boolean;
  force: boolean;
  windows: boolean;
  json: boolean;
}

export function setupCommand(io: Io): Command {
  return new Command('setup')
    .description(
      "point this host's engine at the agent's proxy: writes its settings, keeps the old files, restarts nothing",
    )
    .addArgument(
      new Argument('[program]', 'what pulls on this host; with --undo all of them if left out').choices(PROGRAMS),
    )
    .option('--dry-run', 'only show what would change', false)
    .option('--undo', 'bring the old files back, byte for byte', false)
    .option('--force', 'with --undo: also those that somebody changed since', false)
    .option(
      '--registries <hosts>',
      'registries to reach through the proxy, with commas between; default: those of agent.yaml',
    )
    .option('--config <file>', "the agent's settings (env SHOAL_AGENT_CONFIG)")
    .option('--data-dir <folder>', "the agent's dataDir: its proxy's authority, and old files in setup/")
    .option('--proxy-host <host>', 'address of the proxy, else what agent.yaml says')
    .option('--proxy-port <port>', 'port of the proxy, else what agent.yaml says')
    .option('--engine-address <address>', 'engine to ask for its version, else what agent.yaml says')
    .option('--engine-version <version>', "the engine's version, when it does not run here", parseVersion)
    .option('--root <folder>', 'write below this folder, such as the root of an image, not on this host')
    .option('--windows', 'docker only: print PowerShell for a Windows host, and write nothing', false)
    .action((program: Program | undefined, flags: Flags) => runSetup(program, flags, io));
}

async function runSetup(program: Program | undefined, flags: Flags, io: Io): Promise<void> {
  if (program === undefined && !flags.undo)
    throw new CliError(
      'WRONG_USAGE',
      `say which program: ${PROGRAMS.join(', ')}. "shoal setup --help" shows how it is used.`,
    );
  if (flags.windows || io.host.platform === 'win32') {
    const script = windowsScript(program, flags, io);
    return io.stdout(flags.json ? `${JSON.stringify({ script })}\n` : script);
  }
  if (flags.undo) return runUndo(program === undefined ? PROGRAMS : [program], flags, io);
  await runApply(program as Program, flags, io);
}

async function runApply(program: Program, flags: Flags, io: Io): Promise<void> {
  const keeping = keepingOf(flags, io);
  const plan = await planOf(program, { flags, io, keeping });
  const files = compare(plan, keeping.files);
  if (!flags.dryRun) applyPlan(plan, files, keeping);
  const changed = files.filter(({ change }) => change !== 'none');
  const next = commandsAfter(changed);
  if (flags.json)
    return io.stdout(
      `${JSON.stringify({ program, dryRun: flags.dryRun, files: reportApplied(files), notes: plan.notes, next })}\n`,
    );
  io.stdout(flags.dryRun ? describeDiffs(files) : describeApplied(files));
  for (const note of plan.notes) io.stderr(`note: ${note}\n`);
  if (changed.length === 0) return io.stderr('nothing changes\n');
  if (flags.dryRun) return io.stderr('nothing was changed (--dry-run)\n');
  for (const command of next) io.stderr(`now: ${command}\n`);
  io.stderr(
    `old files are kept in ${join(flags.root ?? '', keeping.folder)}; "shoal setup --undo ${program}" brings them back\n`,
  );
}

function runUndo(programs: readonly Program[], flags: Flags, io: Io): void {
  const undone: UndoneFile[] = undo(programs, keepingOf(flags, io), flags);
  const refused = undone.filter(({ result }) => result === 'refused');
  if (refused.length > 0) io.setExitCode(EXIT.failed);
  const next = commandsAfter(undone.filter(({ result }) => result === 'restored' || result === 'removed'));
  if (flags.json)
    return io.stdout(
      `${JSON.stringify({ dryRun: flags.dryRun, files: undone.map(({ path, result }) => ({ path, result })), next })}\n`,
    );
  io.stdout(describeUndone(undone));
  for (const { path } of refused)
    io.stderr(`${path} was changed since and is left as it is; --force brings the old one back all the same\n`);
  if (undone.length === 0) return io.stderr('nothing to undo\n');
  if (flags.dryRun) return io.stderr('nothing was changed (--dry-run)\n');
  for (const command of next) io.stderr(`now: ${command}\n`);
}

function keepingOf(flags: Flags, io: Io): Keeping {
  const { dataDir } = readPlace(flags, io);
  return { files: openHostFiles(resolve(io.cwd, flags.root ?? '/')), folder: `${dataDir}/setup` };
}

interface PlanParts {
  flags: Flags;
  io: Io;
  keeping: Keeping;
}

async function planOf(program: Program, { flags, io, keeping }: PlanParts): Promise<Plan> {
  const settings = readSettings(flags, io);
  const { files } = keeping;
  const made = readManifest(keeping).files.filter(({ old }) => old === undefined);
  const host: HostView = {
    read: files.text,
    list: files.list,
    isMade: (path) => made.some((one) => one.path === path),
  };
  if (program === 'containerd') return planContainerd(settings, host);
  if (program === 'podman') return planPodman(settings, host);
  const place = readPlace(flags, io);
  // The engine of this host is not the one of an image.
  const asked = flags.root === undefined ? await askEngineVersion(place) : undefined;
  const engineVersion = flags.engineVersion ?? asked;
  return planDocker(settings, host, { engineVersion, authority: () => readAuthority(proxyCaFile(place.dataDir)) });
}

function readAuthority(file: string): string {
  try {
    return readTextFile(file);
  } catch (cause) {
    const next = 'Start the agent once with proxy: true, which makes it; then run this again.';
    throw new CliError('NO_PROXY_CA', `the engine is to trust the proxy, but ${file} is not there. ${next}`, { cause });
  }
}

function parseVersion(text: string): string {
  if (/^v?\d+\.\d+/.test(text)) return text;
  throw new InvalidArgumentError('A version such as 20.10.24 or 28.5.2, as "docker version" shows it.');
}
