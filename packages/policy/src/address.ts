/**
 * Address ranges as people write them: `10.0.0.0/8`, `fd00::/8`, or one address. Decides whether an address is in one.
 * An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
 */

interface Address {
  bits: 32 | 128;
  value: bigint;
}

export interface AddressRange extends Address {
  prefix: number;
  /** As written. */
  text: string;
}

const V4_IN_V6 = 0xffffn;

/** Undefined when it is none; `10.0.0.1/8` is one, see `firstOf`. */
export function parseRange(text: string): AddressRange | undefined {
  const [head = '', tail, ...rest] = text.split('/');
  const address = parseAddress(head);
  if (address === undefined || rest.length > 0) return undefined;
  if (tail !== undefined && !/^\d{1,3}$/.test(tail)) return undefined;
  const prefix = tail === undefined ? address.bits : Number(tail);
  return prefix > address.bits ? undefined : { ...address, prefix, text };
}

/** The first address of the range; not the range's own value when bits behind the prefix are set. */
export function firstOf({ bits, value, prefix }: AddressRange): bigint {
  const free = BigInt(bits - prefix);
  return (value >> free) << free;
}

export function inRange(text: string, range: AddressRange): boolean {
  const address = parseAddress(text);
  return address !== undefined && covers(range, { ...address, prefix: address.bits, text });
}

/** Whether all of `inner` is in `outer`. */
export function covers(outer: AddressRange, inner: AddressRange): boolean {
  if (outer.bits !== inner.bits || outer.prefix > inner.prefix) return false;
  const free = BigInt(outer.bits - outer.prefix);
  return outer.value >> free === inner.value >> free;
}

function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const value = parseV4(text);
    return value === undefined ? undefined : { bits: 32, value };
  }
  const value = parseV6(text.replace(/%.*$/, ''));
  if (value === undefined) return undefined;
  return value >> 32n === V4_IN_V6 ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

/** Without leading zeros, which some read as octal. */
function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** RFC 4291, 2.2: groups of 16 bits, one `::` for a run of zeros, an IPv4 address at the end. */
function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const count = head.length + (tail?.length ?? 0);
  if (halves.length === 1 ? count !== 8 : count > 7) return undefined;
  const groups = [...head, ...Array.from({ length: 8 - count }, () => 0n), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[\da-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else {
      const v4 = index === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      groups.push(v4 >> 16n, v4 & 0xffffn);
    }
  }
  return groups;
}
