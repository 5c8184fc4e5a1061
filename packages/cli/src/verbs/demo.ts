/** `shoal demo`: the main job on embedded defaults; what `npm start` runs. */
import { readFileSync } from 'node:fs';
import { parseRate } from '@shoal/policy';
import { Command, InvalidArgumentError, Option } from 'commander';
import { describeSummary } from '../demo/demo-summary.ts';
import { runDemo } from '../demo/run-demo.ts';

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

export function demoCommand(): Command {
  return new Command('demo')
    .description('distribute an image to a fleet of agents on this machine, and show it')
    .option('--agents <number>', 'how many agents', parseAgents, 5)
    .option('--image <reference>', 'an image of a registry; default: one made of files of this machine')
    .option('--registry <url>', 'where that registry answers, e.g. http://127.0.0.1:5000')
    .addOption(
      new Option('--cap <rate>', 'cap on upload and download of every host, the seeder too, or "unlimited"')
        .argParser(parseCap)
        .default(parseRate(DEFAULT_CAP), DEFAULT_CAP),
    )
    .option('--keep', 'keep the folder with image, archives and log', false)
    .option('--json', 'the summary as one object on the last line of stdout', false)
    .action(runCommand);
}

async function runCommand(flags: DemoFlags): Promise<void> {
  if (flags.registry !== undefined && flags.image === undefined)
    throw new InvalidArgumentError('--registry goes with --image');
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const { json, cap, ...options } = flags;
    const { summary, kept } = await runDemo({
      ...options,
      bytesPerSecond: cap,
      version: packageVersion(),
      stderr: process.stderr,
      signal: abort.signal,
    });
    process.stdout.write(json ? `${JSON.stringify({ ...summary, kept })}\n` : describeSummary(summary, kept));
    if (!summary.ok) process.exitCode = 1;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function parseAgents(text: string): number {
  const agents = Number(text);
  if (!Number.isInteger(agents) || agents < 1 || agents > 100)
    throw new InvalidArgumentError('a whole number from 1 to 100');
  return agents;
}

function parseCap(text: string): number {
  try {
    return parseRate(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
