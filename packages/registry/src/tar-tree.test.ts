import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collect, patternOf } from './image.testkit.ts';
import { headerOf, tarOf } from './tar.testkit.ts';
import { openTarTree, type TarTree } from './tar-tree.ts';

async function fileOf(bytes: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-tar-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'a.tar');
  await writeFile(file, bytes);
  return file;
}

async function treeOf(bytes: Buffer): Promise<TarTree> {
  const tree = await openTarTree(await fileOf(bytes));
  onTestFinished(() => tree.close());
  return tree;
}

async function read(tree: TarTree, path: string): Promise<string | undefined> {
  const size = await tree.sizeOf(path);
  return size === undefined ? undefined : (await collect(tree.read(path, { start: 0, end: size }))).toString();
}

const data = (text: string) => Buffer.from(text);
const LONG = `blobs/${'deep/'.repeat(40)}file`;

describe('a tar', () => {
  it.each(['octal', 'base256', 'pax'] as const)('gives its files, their sizes written in %s', async (sizeAs) => {
    const tree = await treeOf(
      tarOf([
        { path: 'a', data: data('first'), sizeAs },
        { path: './b/c', data: data('second'), sizeAs },
      ]),
    );
    expect([await read(tree, 'a'), await read(tree, 'b/c'), await read(tree, 'b')]).toEqual([
      'first',
      'second',
      undefined,
    ]);
  });

  it.each(['pax', 'gnu'] as const)('gives files whose path is too long for a header (%s)', async (pathAs) => {
    const tree = await treeOf(
      tarOf([
        { path: LONG, data: data('x'), pathAs },
        { path: 'next', data: data('y') },
      ]),
    );
    expect([await read(tree, LONG), await read(tree, 'next')]).toEqual(['x', 'y']);
  });

  it('written by another program gives the same', async () => {
    const packer = pack();
    packer.entry({ name: LONG }, 'x');
    packer.entry({ name: 'é' }, 'y');
    packer.finalize();
    const tree = await treeOf(await collect(packer as unknown as AsyncIterable<Uint8Array>));
    expect([await read(tree, LONG), await read(tree, 'é')]).toEqual(['x', 'y']);
  });

  it('is read by range', async () => {
    const bytes = patternOf(600_000);
    const tree = await treeOf(
      tarOf([
        { path: 'a', data: bytes },
        { path: 'b', data: bytes },
      ]),
    );
    const part = await collect(tree.read('b', { start: 1000, end: 599_999 }));
    expect(part.equals(bytes.subarray(1000, 599_999))).toBe(true);
  });

  it('follows links as docker save writes them, and no link in circles', async () => {
    const tree = await treeOf(
      tarOf([
        { path: 'x/layer.tar', data: data('layer') },
        { path: 'y/layer.tar', type: '2', linkPath: '../x/layer.tar' },
        { path: 'z/layer.tar', type: '1', linkPath: 'y/layer.tar' },
        { path: 'loop', type: '2', linkPath: 'loop' },
        { path: 'out', type: '2', linkPath: '../../etc/passwd' },
      ]),
    );
    expect(await read(tree, 'z/layer.tar')).toBe('layer');
    expect([await read(tree, 'loop'), await read(tree, 'out')]).toEqual([undefined, undefined]);
  });

  it('takes no data after a folder or link, whatever size their header claims', async () => {
    const folder = headerOf({ path: 'd/', type: '5', linkPath: '' }, 4096, false);
    const tree = await treeOf(Buffer.concat([folder, tarOf([{ path: 'd/a', data: data('x') }])]));
    expect(await read(tree, 'd/a')).toBe('x');
  });

  it('finds files under the paths Windows writes', async () => {
    const tree = await treeOf(tarOf([{ path: 'abc/layer.tar', data: data('layer') }]));
    expect(await read(tree, 'abc\\layer.tar')).toBe('layer');
  });

  it('may hold files beyond 8 GiB', async () => {
    const file = await fileOf(headerOf({ path: 'big', type: '0', linkPath: '' }, 9 * 2 ** 30, true));
    const handle = await open(file, 'r+');
    const tail = Buffer.concat([data('end of big'), tarOf([{ path: 'after', data: data('small') }])]);
    await handle.write(Buffer.from(tail.subarray(0, 10)), 0, 10, 512 + 9 * 2 ** 30 - 10);
    await handle.write(tail, 10, tail.length - 10, 512 + 9 * 2 ** 30);
    await handle.close();
    const tree = await openTarTree(file);
    onTestFinished(() => tree.close());
    expect(await tree.sizeOf('big')).toBe(9 * 2 ** 30);
    const end = await collect(tree.read('big', { start: 9 * 2 ** 30 - 10, end: 9 * 2 ** 30 }));
    expect([end.toString(), await read(tree, 'after')]).toEqual(['end of big', 'small']);
  });

  it('that is closed stops its readers', async () => {
    const tree = await treeOf(tarOf([{ path: 'a', data: patternOf(600_000) }]));
    const reading = async () => {
      for await (const _ of tree.read('a', { start: 0, end: 600_000 })) await tree.close();
    };
    await expect(reading()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('a file that is no whole, plain tar is BAD_ARCHIVE', () => {
  const whole = tarOf([
    { path: 'a', data: patternOf(2000) },
    { path: 'b', data: data('x') },
  ]);
  const refuse = async (bytes: Buffer, message: RegExp) => {
    const opening = openTarTree(await fileOf(bytes));
    await expect(opening).rejects.toMatchObject({ code: 'BAD_ARCHIVE', message: expect.stringMatching(message) });
  };

  it('and the error says which tool unpacks a compressed one', async () => {
    await refuse(gzipSync(whole), /compressed with gzip\. .*gunzip/);
    await refuse(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), whole]), /zstd/);
    await refuse(Buffer.from('BZh91AY'), /bzip2/);
  });

  it('when it is cut anywhere', async () => {
    for (const length of [100, 512, 1000, 2559, 2560, 3000, 3072, whole.length - 1024]) {
      await refuse(whole.subarray(0, length), /is cut short/);
    }
  });

  it('when it is empty, something else, or damaged in the middle', async () => {
    await refuse(Buffer.alloc(0), /is empty/);
    await refuse(patternOf(4096), /is no tar archive/);
    const damaged = Buffer.from(whole);
    damaged.fill(0x55, 2560, 2600);
    await refuse(damaged, /is damaged: no tar header at byte 2560/);
  });

  it('when its PAX records are broken', async () => {
    for (const records of ['x', '5 a=b', '99999999999999999999 size=1\n', '0 a=b\n', '22 size=99999999999999\n ']) {
      await refuse(tarOf([{ path: 'p', type: 'x', data: data(records) }, { path: 'a' }]), /damaged|cut short/);
    }
  });

  it('when it is not there', async () => {
    const opening = openTarTree(join(tmpdir(), 'shoal-there-is-no-such-file.tar'));
    await expect(opening).rejects.toMatchObject({ code: 'BAD_ARCHIVE', message: expect.stringContaining('ENOENT') });
  });
});
