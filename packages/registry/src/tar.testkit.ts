/** Writes tars header by header, the odd forms included that ordinary writers choose only for huge files. */

export interface TestEntry {
  path: string;
  data?: Buffer;
  /** `0` file, `1` hard link, `2` symlink, `5` folder. */
  type?: string;
  linkPath?: string;
  /** How the size is written; default octal. */
  sizeAs?: 'octal' | 'base256' | 'pax';
  /** How the path is written; default in the header. */
  pathAs?: 'header' | 'pax' | 'gnu';
}

export function tarOf(entries: TestEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryOf), Buffer.alloc(1024)]);
}

function entryOf({ path, data = Buffer.alloc(0), type = '0', linkPath = '', sizeAs, pathAs }: TestEntry): Buffer {
  const pax = [
    ...(sizeAs === 'pax' ? [paxRecord('size', String(data.length))] : []),
    ...(pathAs === 'pax' ? [paxRecord('path', path)] : []),
  ].join('');
  const shown = pathAs === undefined || pathAs === 'header' ? path : 'cut-off';
  return Buffer.concat([
    ...(pax === '' ? [] : [member({ path: 'PaxHeader', type: 'x', linkPath: '' }, Buffer.from(pax))]),
    ...(pathAs === 'gnu' ? [member({ path: '././@LongLink', type: 'L', linkPath: '' }, Buffer.from(`${path}\0`))] : []),
    headerOf({ path: shown, type, linkPath }, sizeAs === 'pax' ? 0 : data.length, sizeAs === 'base256'),
    padded(data),
  ]);
}

interface Names {
  path: string;
  type: string;
  linkPath: string;
}

function member(names: Names, data: Buffer): Buffer {
  return Buffer.concat([headerOf(names, data.length, false), padded(data)]);
}

export function headerOf({ path, type, linkPath }: Names, size: number, base256: boolean): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  if (base256) {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  } else header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(linkPath, 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  const length = body.length + String(body.length + 2).length;
  return `${length}${body}`;
}
