/**
 * One 512-byte tar header, and the records that extend the next one: ustar, PAX (POSIX.1-2001) and GNU.
 * Pure. Does not read files and does not decide which entries matter.
 */

export const TAR_BLOCK_BYTES = 512;

export interface TarHeader {
  path: string;
  /** Bytes of data that follow, before padding. */
  size: number;
  /** `0` file, `1` hard link, `2` symlink, `5` folder, `x` `g` PAX records, `L` `K` GNU long names, … */
  type: string;
  linkPath: string;
}

/** What PAX records or GNU long names say about the entry after them. */
export interface TarOverrides {
  path?: string;
  linkPath?: string;
  size?: number;
}

/** The header, `end` for a block of zeros, or undefined when this is no header (its checksum does not hold). */
export function parseTarHeader(block: Buffer): TarHeader | 'end' | undefined {
  if (block.every((byte) => byte === 0)) return 'end';
  if (readNumber(block, 148, 8) !== checksumOf(block)) return undefined;
  const size = readNumber(block, 124, 12);
  if (size === undefined) return undefined;
  const name = readText(block, 0, 100);
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? readText(block, 345, 155) : '';
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    size,
    type: String.fromCharCode(block[156] || 0x30),
    linkPath: readText(block, 157, 100),
  };
}

/** PAX records: `<length> <key>=<value>\n`, the length counting the whole record. Undefined when broken. */
export function parsePaxRecords(data: Buffer): TarOverrides | undefined {
  const overrides: TarOverrides = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, Math.min(space, at + 12)));
    const end = at + length;
    if (space < 0 || !Number.isSafeInteger(length) || length <= 0 || data[end - 1] !== 0x0a || end <= space)
      return undefined;
    const record = data.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    const key = record.slice(0, equals);
    if (key === 'path') overrides.path = value;
    if (key === 'linkpath') overrides.linkPath = value;
    if (key === 'size') {
      if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) return undefined;
      overrides.size = Number(value);
    }
    at = end;
  }
  return overrides;
}

/** The data of a GNU `L` or `K` entry. */
export function parseLongName(data: Buffer): string {
  return readText(data, 0, data.length);
}

function readText(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

/** Octal digits, or GNU's base-256 when the top bit is set; undefined when neither, negative or too large. */
function readNumber(block: Buffer, start: number, length: number): number | undefined {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if (first & 0x80) {
    if (first !== 0x80) return undefined;
    const value = BigInt(`0x${field.subarray(1).toString('hex')}`);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
  }
  const digits = /^[ ]*([0-7]*)[ \0]*/.exec(field.toString('latin1'))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits || '0', 8);
}

/** Sum of the bytes, the checksum's own field taken as spaces. */
function checksumOf(block: Buffer): number {
  let sum = 0;
  for (let index = 0; index < TAR_BLOCK_BYTES; index += 1) {
    sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
  }
  return sum;
}
