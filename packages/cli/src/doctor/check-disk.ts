/** Whether the data folder can be written and has room for what the cache is allowed. */
import { existsSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { budgetBytes, type CacheBudget, floorBytes, type Volume, volumeOf } from '@shoal/agent';
import { formatBytes } from '../output/format.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

export interface DiskPlace {
  dataDir: string;
  budget: CacheBudget;
  platform: NodeJS.Platform;
}

const PROBE_BYTES = 64 * 1024;

export async function checkDisk({ dataDir, budget, platform }: DiskPlace): Promise<Finding[]> {
  const folder = nearest(dataDir);
  try {
    const volume = await volumeOf(folder);
    const kind = platform === 'win32' ? undefined : fileSystemNote(statfsSync(folder).type);
    return [
      ...(kind === undefined ? [] : [warning('disk', `${dataDir} is on ${kind.name}: ${kind.so}`, MOVE)]),
      writeFault(folder, dataDir) ?? judgeRoom(dataDir, { volume, budget, usedBytes: bytesIn(join(dataDir, 'blobs')) }),
    ];
  } catch (error) {
    return [fault('disk', `${dataDir} cannot be used (${codeOf(error)})`, 'Set dataDir to a folder of a local disk.')];
  }
}

const MOVE = 'Set dataDir to a folder of a local disk.';

export interface Room {
  volume: Volume;
  budget: CacheBudget;
  /** What the cache takes already. */
  usedBytes: number;
}

export function judgeRoom(dataDir: string, { volume, budget, usedBytes }: Room): Finding {
  const wantedBytes = budgetBytes(budget, volume);
  const floor = floorBytes(volume);
  const mostBytes = Math.max(0, volume.freeBytes + usedBytes - floor);
  const text = `${dataDir}: ${formatBytes(volume.freeBytes)} of ${formatBytes(volume.totalBytes)} free`;
  const kept = `${formatBytes(floor)} always stay free`;
  if (volume.freeBytes < floor)
    return fault('disk', `${text}, and ${kept}: no blob can be begun`, 'Free space, or set dataDir to another volume.');
  const limit = wantedBytes === Number.POSITIVE_INFINITY ? 'no budget' : `a budget of ${formatBytes(wantedBytes)}`;
  if (wantedBytes <= mostBytes || wantedBytes === Number.POSITIVE_INFINITY) return ok('disk', `${text}, ${limit}`);
  const less = `of ${limit} only ${formatBytes(mostBytes)} can be used, as ${kept}`;
  return warning('disk', `${text}; ${less}`, 'Free space, or set cache.budget to less.');
}

/** Where an account may write, only a writing tells; on Windows the attributes say nothing. */
function writeFault(folder: string, dataDir: string): Finding | undefined {
  const probe = join(folder, `.shoal-doctor-${process.pid}`);
  try {
    writeFileSync(probe, Buffer.alloc(PROBE_BYTES), { flag: 'wx', mode: 0o600 });
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    const next =
      code === 'ENOSPC'
        ? 'Free space, or set dataDir to another volume.'
        : "Run this as the agent's account; if that may not write either, change the folder's owner or dataDir.";
    return fault('disk', `${dataDir} cannot be written (${code})`, next);
  } finally {
    rmSync(probe, { force: true, maxRetries: 5 });
  }
}

/** The agent makes the folder at its first start. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** As the disk has them: blobs under way are sparse. */
function bytesIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false }));
  return sizes.reduce((sum, stat) => sum + (stat?.blocks ? stat.blocks * 512 : (stat?.size ?? 0)), 0);
}

/** By the numbers of statfs(2). */
export function fileSystemNote(type: number): { name: string; so: string } | undefined {
  const [name, so] = FILE_SYSTEMS[type] ?? [];
  return name === undefined || so === undefined ? undefined : { name, so };
}

const FILE_SYSTEMS: Readonly<Record<number, readonly [string, string]>> = {
  16914836: ['tmpfs', 'blobs lie in memory and are gone after a restart'],
  2240043254: ['ramfs', 'blobs lie in memory and are gone after a restart'],
  26985: ['NFS', 'each piece crosses the network again'],
  4283649346: ['a Windows share (CIFS)', 'each piece crosses the network again'],
  4266872130: ['a Windows share (SMB2)', 'each piece crosses the network again'],
  2035054128: ['overlayfs', "it is a container's own layer, gone with the container"],
};

function codeOf(error: unknown): string {
  const { code, cause } = error as NodeJS.ErrnoException;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? code ?? String(error);
}
