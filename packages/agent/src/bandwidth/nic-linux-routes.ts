/** The interfaces of the default routes, from the kernel's two tables in `/proc/net`. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `RTF_UP` and `RTF_REJECT` of linux/route.h. */
const [ROUTE_UP, ROUTE_REJECT] = [0x1, 0x200];

/** All of them: which one a packet takes depends on more than the metric. */
export function defaultRouteNames(root: string): string[] {
  return [...new Set([...defaultsV4(join(root, 'proc/net/route')), ...defaultsV6(join(root, 'proc/net/ipv6_route'))])];
}

/** Iface Destination Gateway Flags RefCnt Use Metric Mask …, with a line of titles. */
function defaultsV4(path: string): string[] {
  return rows(path).flatMap(([name = '', destination, , flags = '', , , , mask]) =>
    destination === '00000000' && mask === '00000000' && isUsable(flags) ? [name] : [],
  );
}

/** Destination, its prefix length, source, its prefix length, next hop, metric, references, use, flags, device. */
function defaultsV6(path: string): string[] {
  return rows(path).flatMap(([destination = '', prefix, , , , , , , flags = '', name = '']) =>
    /^0{32}$/.test(destination) && prefix === '00' && name !== 'lo' && isUsable(flags) ? [name] : [],
  );
}

function isUsable(hexFlags: string): boolean {
  const flags = Number.parseInt(hexFlags, 16);
  return (flags & ROUTE_UP) !== 0 && (flags & ROUTE_REJECT) === 0;
}

function rows(path: string): string[][] {
  try {
    return readFileSync(path, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}
