/**
 * The bytes around a file in a tar: header, padding, end mark.
 *
 * Regular files only, POSIX ustar; a size of 8 GiB and more or a long path goes into a PAX record before it. Everything
 * that could differ between two hosts (time, owner) is zero, so one image always makes one and the same archive.
 */

const BLOCK_BYTES = 512;
const MAX_USTAR_SIZE = 0o77777777777;
const MAX_USTAR_PATH = 100;

export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

export interface TarFile {
  /** ASCII, forward slashes. */
  path: string;
  sizeBytes: number;
}

export function tarHeader(file: TarFile): Uint8Array {
  const records: string[] = [];
  if (file.sizeBytes > MAX_USTAR_SIZE) records.push(paxRecord('size', String(file.sizeBytes)));
  if (file.path.length > MAX_USTAR_PATH) records.push(paxRecord('path', file.path));
  const header = ustarHeader(file, '0');
  if (records.length === 0) return header;
  const pax = Buffer.from(records.join(''));
  const paxHeader = ustarHeader({ path: 'PaxHeader', sizeBytes: pax.length }, 'x');
  return Buffer.concat([paxHeader, pax, tarPadding(pax.length), header]);
}

/** Zeros up to the next block. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

// Offsets: POSIX.1-1988 ustar. Numbers are octal, NUL-terminated.
function ustarHeader(file: TarFile, typeFlag: '0' | 'x'): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(file.path.slice(0, MAX_USTAR_PATH), 0, 'ascii');
  header.write('0000644\x000000000\x000000000\x00', 100, 'ascii'); // mode, uid, gid
  header.write(octal(file.sizeBytes > MAX_USTAR_SIZE ? 0 : file.sizeBytes, 11), 124, 'ascii');
  header.write(octal(0, 11), 136, 'ascii'); // time of modification
  header.write('        ', 148, 'ascii'); // the checksum counts its own field as blanks
  header.write(typeFlag, 156, 'ascii');
  header.write('ustar\x0000', 257, 'ascii');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, 'ascii');
  return header;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** `<length> key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const tail = ` ${key}=${value}\n`;
  let length = tail.length;
  while (String(length).length + tail.length !== length) length = String(length).length + tail.length;
  return length + tail;
}
