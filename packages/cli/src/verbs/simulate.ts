/** `shoal simulate`: a fleet in virtual time, with the code that moves real bytes; for planning a rollout. */
import { access, constants, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Fault, type Progress, type SimulationOptions, simulate } from '@shoal/simulator';
import { pieceCount, pieceLengthFor } from '@shoal/swarm';
import { Command, Option } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { formatDuration } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { describeForecast } from '../simulate/describe-forecast.ts';
import {
  parseCount,
  parseFiniteRate,
  parseKill,
  parseLatency,
  parseSeed,
  parseSize,
  parseSlow,
  parseSomeRate,
} from '../simulate/fleet-values.ts';
import { forecastOf, shortestMs } from '../simulate/forecast.ts';
import { svgCurve } from '../simulate/svg-curve.ts';

interface Flags {
  hosts: number;
  image: number;
  cap: number;
  zones: number;
  uplink?: number;
  origin?: number;
  latency: number;
  slow?: { share: number; factor: number };
  kill?: { share: number; at: number };
  seed: number;
  svg?: string;
  json: boolean;
}

const MAX_HOSTS = 20_000;
const MAX_ZONES = 5000;
/** Hosts × pieces: what fits into the memory of one process. */
const MAX_HOST_PIECES = 40e6;
/** From so many on a block is a whole piece: a fraction of the time, and hardly another answer. */
const COARSE_HOST_PIECES = 50_000;
const WIDEST = 80;
const PROGRESS_MS = 200;

const NOTES = `
It computes what happens, block by block: 100 hosts and an image of 8 GB take a quarter of a minute, 1,000 some three
minutes, 3,000 ten; with zones up to twice as long. Time grows with hosts × image; the rates hardly matter.

  shoal simulate --hosts 3000 --image 8GB --cap 200Mbit/s --zones 75 --uplink 1Gbit/s`;

export function simulateCommand(io: Io): Command {
  return new Command('simulate')
    .description('forecast when the hosts of a fleet will have an image, and what that moves; nothing is started')
    .requiredOption('--hosts <number>', 'how many hosts want the image', parseCount(1, MAX_HOSTS))
    .requiredOption('--image <size>', 'how large it is, e.g. 8GB', parseSize)
    .requiredOption('--cap <rate>', 'cap on upload and download of every host, the seeder too', parseFiniteRate)
    .addOption(
      new Option('--zones <number>', 'deal the hosts to so many zones, each behind an uplink')
        .argParser(parseCount(0, MAX_ZONES))
        .default(0, 'none'),
    )
    .option('--uplink <rate>', 'what each uplink carries each way; default: no limit', parseSomeRate)
    .option('--origin <rate>', 'the image is cold: the seeder reads it at this rate; default: it has it', parseSomeRate)
    .addOption(
      new Option('--latency <time>', 'between any two hosts, one way').argParser(parseLatency).default(1, '1ms'),
    )
    .option('--slow <share:factor>', 'so many hosts have this part of the cap, e.g. 5%:0.1', parseSlow)
    .option('--kill <share@time>', 'so many hosts fail at this part of the shortest time, e.g. 20%@50%', parseKill)
    .option('--seed <number>', 'another seed is another roll of the dice, the same one the same run', parseSeed, 1)
    .option('--svg <file>', 'also write the curve as an SVG file')
    .option('--json', 'the forecast as one line of JSON', false)
    .addHelpText('after', NOTES)
    .action((flags: Flags) => runCommand(flags, io));
}

async function runCommand(flags: Flags, io: Io): Promise<void> {
  const options = optionsFrom(flags);
  const svg = flags.svg === undefined ? undefined : resolve(io.cwd, flags.svg);
  // Not after ten minutes of computing.
  if (svg !== undefined) await orUnwritable(svg, access(dirname(svg), constants.W_OK));
  const result = simulate(options, progressOn(io));
  io.terminal?.write('\r\u001b[K');
  const forecast = forecastOf(result, options);
  if (svg !== undefined) await orUnwritable(svg, writeFile(svg, svgCurve(forecast)));
  const width = Math.min(WIDEST, io.terminal?.columns ?? WIDEST);
  io.stdout(flags.json ? `${JSON.stringify(forecast)}\n` : describeForecast(forecast, width));
  if (svg !== undefined && !flags.json) io.stdout(`\n${svg}\n`);
  if (forecast.unfinishedHosts > 0) io.setExitCode(EXIT.failed);
}

function optionsFrom(flags: Flags): SimulationOptions {
  const { hosts, image: sizeBytes, cap, zones, uplink, origin, latency: latencyMs, slow, seed } = flags;
  if (uplink !== undefined && zones === 0)
    throw new CliError('WRONG_USAGE', '--uplink goes with --zones: say how many zones have such an uplink.');
  if (zones > hosts)
    throw new CliError('WRONG_USAGE', `--zones ${zones} is more than --hosts ${hosts}: leave no zone empty.`);
  const pieceLength = pieceLengthFor(sizeBytes);
  const hostPieces = hosts * pieceCount(sizeBytes, pieceLength);
  if (hostPieces > MAX_HOST_PIECES)
    throw new CliError(
      'WRONG_USAGE',
      `${hosts} hosts with an image of this size do not fit into memory. Give a smaller --image: times grow with its size, so multiply them.`,
    );
  const options: SimulationOptions = {
    ...{ hosts, sizeBytes, pieceLength, zones, latencyMs, seed, slow },
    uploadBytesPerSecond: cap,
    downloadBytesPerSecond: cap,
    blockBytes: hostPieces >= COARSE_HOST_PIECES ? pieceLength : undefined,
    uplinkBytesPerSecond: uplink,
    originBytesPerSecond: origin,
  };
  const given = withoutAbsent(options);
  return flags.kill === undefined ? given : { ...given, faults: [killOf(flags.kill, given)] };
}

function killOf({ share, at }: { share: number; at: number }, options: SimulationOptions): Fault {
  return { kind: 'kill', share, atMs: Math.round(at * shortestMs(options)) };
}

/** Absent and undefined are not the same to the defaults of the simulator. */
function withoutAbsent(options: SimulationOptions): SimulationOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as SimulationOptions;
}

/** One line on a terminal, nothing elsewhere: the simulation leaves no time for bars to redraw themselves. */
function progressOn({ terminal, now }: Io): ((progress: Progress) => void) | undefined {
  if (terminal === undefined) return undefined;
  let shownAt = Number.NEGATIVE_INFINITY;
  return ({ nowMs, finished, hosts }) => {
    if (now() - shownAt < PROGRESS_MS) return;
    shownAt = now();
    terminal.write(`\r\u001b[K${formatDuration(nowMs)} of virtual time, ${finished} of ${hosts} hosts done`);
  };
}

async function orUnwritable(file: string, written: Promise<void>): Promise<void> {
  await written.catch((cause: NodeJS.ErrnoException) => {
    throw new CliError('UNWRITABLE_FILE', `${file} cannot be written (${cause.code}). See that its folder exists.`, {
      cause,
    });
  });
}
