/** `shoal demo`: the main job on embedded defaults; what `npm start` runs. */
import { parseRate } from '@shoal/policy';
import { Command, InvalidArgumentError, Option } from 'commander';
import { describeSummary } from '../demo/demo-summary.ts';
import { runDemo } from '../demo/run-demo.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { checkReferences } from '../people/order-job.ts';
import { shoalVersion } from '../version.ts';

interface DemoFlags {
  agents: number;
  image?: string;
  registry?: string;
  cap: number;
  keep: boolean;
  json: boolean;
}

/** So slow that there is something to see. */
const DEFAULT_CAP = '60 MB/s';

export function demoCommand(io: Io): Command {
  return new Command('demo')
    .description('distribute an image to a fleet of agents on this machine, and show it')
    .option('--agents <number>', 'how many agents', parseAgents, 5)
    .option('--image <reference>', 'an image of a registry; default: one made of files of this machine')
    .option('--registry <url>', 'where that registry answers, e.g. http://127.0.0.1:5000', parseAddress)
    .addOption(
      new Option('--cap <rate>', 'cap on upload and download of every host, the seeder too, or "unlimited"')
        .argParser(parseCap)
        .default(parseRate(DEFAULT_CAP), DEFAULT_CAP),
    )
    .option('--keep', 'keep the folder with image, archives and log', false)
    .option('--json', 'the summary as one object on the last line of stdout', false)
    .action((flags: DemoFlags) => runCommand(flags, io));
}

async function runCommand({ json, cap, ...options }: DemoFlags, io: Io): Promise<void> {
  if (options.registry !== undefined && options.image === undefined)
    throw new CliError('WRONG_USAGE', '--registry goes with --image: say which image of that registry to distribute.');
  if (options.image !== undefined) checkReferences([options.image]);
  const abort = new AbortController();
  const release = io.onStopSignal(() => abort.abort());
  try {
    const { signal } = abort;
    const { summary, kept } = await runDemo({ ...options, bytesPerSecond: cap, version: shoalVersion(), io, signal });
    io.stdout(json ? `${JSON.stringify({ ...summary, kept })}\n` : describeSummary(summary, kept));
    if (!summary.ok) io.setExitCode(EXIT.failed);
  } finally {
    release();
  }
}

function parseAgents(text: string): number {
  const agents = Number(text);
  if (!Number.isInteger(agents) || agents < 1 || agents > 100)
    throw new InvalidArgumentError('a whole number from 1 to 100');
  return agents;
}

function parseAddress(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('an address such as http://127.0.0.1:5000');
}

function parseCap(text: string): number {
  try {
    return parseRate(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
