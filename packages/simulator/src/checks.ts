/** What must hold of every run, whatever went wrong in it. Returns what does not, in words. */
import { type Settings, type SimulationOptions, withDefaults } from './options.ts';
import type { LimitUse, SimulationResult } from './simulate.ts';

/** A bucket saves up 20 ms of its rate and lets one block more go than it has tokens for. */
const BURST_MS = 20;
const WASTED_SHARE_ALLOWED = 0.01;
const NAMES_SHOWN = 5;

export function faultsOf(result: SimulationResult, options: SimulationOptions): string[] {
  const settings = withDefaults(options);
  return [
    ...livenessFaults(result),
    ...(result.badPiecesKept > 0 ? [`${result.badPiecesKept} bad pieces were kept`] : []),
    ...originFaults(result, settings),
    ...result.limits.flatMap((limit) => limitFaults(limit, settings)),
    ...wasteFaults(result, settings),
    ...linkFaults(result, settings),
  ];
}

/** After the last fault every living, honest host ends within the run's time. */
function livenessFaults({ unfinished, endedAtMs }: SimulationResult): string[] {
  if (unfinished.length === 0) return [];
  const more = unfinished.length > NAMES_SHOWN ? ` and ${unfinished.length - NAMES_SHOWN} more` : '';
  return [`not finished by ${Math.round(endedAtMs)} ms: ${unfinished.slice(0, NAMES_SHOWN).join(', ')}${more}`];
}

/** A cold blob is read once a life of the seeder, a warm one never. */
function originFaults({ originCopies }: SimulationResult, { originBytesPerSecond, faults }: Settings): string[] {
  const isCold = originBytesPerSecond !== Number.POSITIVE_INFINITY;
  const lives = 1 + faults.filter(({ kind }) => kind === 'seederRestart').length;
  const allowed = isCold ? lives : 0;
  return originCopies > allowed + 1e-9 ? [`${originCopies} origin copies, more than ${allowed}`] : [];
}

function limitFaults({ name, bytes, bytesPerSecond, untilMs }: LimitUse, { blockBytes, pieceLength }: Settings) {
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return [];
  const burstBytes = Math.min(pieceLength, blockBytes) + (bytesPerSecond * BURST_MS) / 1000;
  const allowed = (bytesPerSecond * untilMs) / 1000 + burstBytes;
  return bytes > allowed ? [`${name} passed ${bytes} bytes, its limit allows ${Math.round(allowed)}`] : [];
}

/**
 * Endgame and re-requests: hardly anything comes twice where nothing fails. What is late is asked for
 * again, so slow hosts and full uplinks cost more; two blocks a host are never too much.
 */
function wasteFaults({ wastedShare }: SimulationResult, settings: Settings): string[] {
  const { faults, poisonShare, slow, uplinkBytesPerSecond, sizeBytes, blockBytes } = settings;
  if (faults.length > 0 || poisonShare > 0 || slow.share > 0) return [];
  if (uplinkBytesPerSecond !== Number.POSITIVE_INFINITY) return [];
  const allowed = Math.max(WASTED_SHARE_ALLOWED, (2 * blockBytes) / sizeBytes);
  return wastedShare > allowed ? [`${(wastedShare * 100).toFixed(2)} % came in vain`] : [];
}

/** Two connections a pair, twice the degree at most, a fifth more with zones; a new tracker deals new neighbours. */
function linkFaults({ mostLinks }: SimulationResult, { degree, zones, faults }: Settings): string[] {
  const deals = 1 + faults.filter(({ kind }) => kind === 'trackerRestart').length;
  const allowed = Math.ceil(2 * 2 * degree * (zones > 0 ? 1.2 : 1) * deals);
  return mostLinks > allowed ? [`${mostLinks} connections on one host, more than ${allowed}`] : [];
}
