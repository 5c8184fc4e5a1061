/*
 * IP addresses as the bytes that compact peer lists hold. Pure, so without `node:net`.
 */

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const IPV6_GROUPS = 8;

/** 4 or 16 bytes; undefined for names and for what is no address, IPv6 with a zone included. */
export function addressBytes(host: string): Uint8Array | undefined {
  return host.includes(':') ? ipv6Bytes(host) : ipv4Bytes(host);
}

function ipv4Bytes(host: string): Uint8Array | undefined {
  const parts = IPV4.exec(host)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

/** RFC 4291: groups of hex digits, one `::` for a run of zeros, the last 32 bits perhaps as IPv4. */
function ipv6Bytes(host: string): Uint8Array | undefined {
  const halves = withoutEmbedded(host).split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = IPV6_GROUPS - head.length - (tail?.length ?? 0);
  if (tail ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** IPv4 at the end becomes two groups; what is no IPv4 stays, and is no group either. */
function withoutEmbedded(host: string): string {
  const start = host.lastIndexOf(':') + 1;
  const embedded = ipv4Bytes(host.slice(start));
  if (!embedded) return host;
  const hex = Buffer.from(embedded).toString('hex');
  return `${host.slice(0, start)}${hex.slice(0, 4)}:${hex.slice(4)}`;
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  if (!parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  return parts.map((part) => Number.parseInt(part, 16));
}
