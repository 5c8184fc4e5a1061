/**
 * Which interfaces of a Linux host carry traffic off it, each byte counted once, and how fast they are together. Physical
 * ones first; in a container or namespace without any, the one of the default route; else all that could be it.
 */

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defaultRouteNames } from './nic-linux-routes.ts';

export interface DetectedInterfaces {
  /** Sorted. */
  names: string[];
  linkBytesPerSecond: number | undefined;
  /** Names that were asked for and are not there. */
  missing: string[];
  there: string[];
}

const BYTES_PER_SECOND_PER_MBIT = 125_000;
/** Some drivers say 2^32 - 1 or 65535 for "unknown". */
const MOST_MBIT = 10_000_000;
const UNKNOWN_MBIT = 65_535;
/** `IFF_UP` and `IFF_LOOPBACK` of linux/if.h. */
const [FLAG_UP, FLAG_LOOPBACK] = [0x1, 0x8];
const CARRIES_NOTHING = ['down', 'lowerlayerdown', 'notpresent'];

export function detectInterfaces(root: string, measure: readonly string[] | undefined): DetectedInterfaces {
  const net = join(root, 'sys/class/net');
  const there = interfaceNames(net);
  const missing = (measure ?? []).filter((name) => !there.includes(name));
  const chosen = measure === undefined ? chooseDefault(root, there) : there.filter((name) => measure.includes(name));
  const names = countedOnce(net, chosen);
  return { names, linkBytesPerSecond: linkSpeed(net, names), missing, there };
}

function chooseDefault(root: string, there: string[]): string[] {
  const net = join(root, 'sys/class/net');
  const physical = there.filter((name) => isPhysical(net, name));
  if (physical.length > 0) return physical;
  const routed = defaultRouteNames(root).filter((name) => there.includes(name));
  if (routed.length > 0) return routed;
  return there.filter((name) => {
    const flags = Number(readText(net, name, 'flags') ?? 0);
    return (flags & FLAG_UP) !== 0 && (flags & FLAG_LOOPBACK) === 0 && !existsSync(join(net, name, 'bridge'));
  });
}

/** Bonds become their members; of those stacked on one another only one stays. */
function countedOnce(net: string, chosen: string[]): string[] {
  const names = new Set(chosen.flatMap((name) => bondMembers(net, name) ?? [name]));
  return [...names].filter((name) => !isCountedAbove(net, name, names) && !isCountedBelow(net, name, names)).sort();
}

/** An accelerated card of a virtual machine has a master with a device of its own, which counts for both. */
function isCountedAbove(net: string, name: string, names: ReadonlySet<string>): boolean {
  const master = masterOf(net, name);
  return master !== undefined && names.has(master) && isPhysical(net, master);
}

/** VLANs, bridges and the like, over an interface that is measured itself. */
function isCountedBelow(net: string, name: string, names: ReadonlySet<string>): boolean {
  if (isPhysical(net, name)) return false;
  return lowersOf(net, name).some((lower) => names.has(lower) || isCountedBelow(net, lower, names));
}

/** A bond knows better than its members: with a standby member only one of them carries. */
function linkSpeed(net: string, names: string[]): number | undefined {
  const single = new Set(names);
  const speeds: (number | undefined)[] = [];
  for (const bond of new Set(names.map((name) => masterOf(net, name)))) {
    const members = bond === undefined ? undefined : bondMembers(net, bond);
    const speed = bond === undefined ? undefined : ownSpeed(net, bond);
    if (members === undefined || !speed || !members.every((name) => single.has(name))) continue;
    for (const name of members) single.delete(name);
    speeds.push(speed);
  }
  for (const name of single) speeds.push(ownSpeed(net, name));
  const sum = speeds.reduce<number>((total, speed) => total + (speed ?? Number.NaN), 0);
  return sum > 0 ? sum : undefined;
}

/** Bytes a second; 0 without a carrier, undefined if it is not told (EINVAL, -1). */
function ownSpeed(net: string, name: string): number | undefined {
  if (CARRIES_NOTHING.includes(readText(net, name, 'operstate') ?? '')) return 0;
  const mbit = Number(readText(net, name, 'speed') ?? -1);
  const isKnown = mbit > 0 && mbit < MOST_MBIT && mbit !== UNKNOWN_MBIT;
  return isKnown ? mbit * BYTES_PER_SECOND_PER_MBIT : undefined;
}

/** `bonding_masters` is a file among the interfaces. */
function interfaceNames(net: string): string[] {
  try {
    const entries = readdirSync(net, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [] : [entry.name])).sort();
  } catch {
    return [];
  }
}

function isPhysical(net: string, name: string): boolean {
  return existsSync(join(net, name, 'device'));
}

function bondMembers(net: string, name: string): string[] | undefined {
  return readText(net, name, 'bonding/slaves')?.split(/\s+/).filter(Boolean);
}

function masterOf(net: string, name: string): string | undefined {
  try {
    return basename(readlinkSync(join(net, name, 'master')));
  } catch {
    return undefined;
  }
}

function lowersOf(net: string, name: string): string[] {
  try {
    return readdirSync(join(net, name)).flatMap((entry) => (entry.startsWith('lower_') ? [entry.slice(6)] : []));
  } catch {
    return [];
  }
}

function readText(net: string, name: string, file: string): string | undefined {
  try {
    return readFileSync(join(net, name, file), 'latin1').trim();
  } catch {
    return undefined;
  }
}
