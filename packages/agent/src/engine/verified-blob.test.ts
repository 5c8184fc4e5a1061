import { type Digest, digestOf } from '@shoal/oci';
import { expect, it } from 'vitest';
import { inChunks } from './fake-engine.testkit.ts';
import { verifiedBlob } from './verified-blob.ts';

const bytes = Buffer.from('the bytes of a blob');

/** What came through before the end, and how it ended. */
async function read(source: AsyncIterable<Uint8Array>, expected: { digest: Digest; sizeBytes: number }) {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of verifiedBlob(source, expected)) parts.push(part);
    return { passed: Buffer.concat(parts).toString(), error: undefined };
  } catch (error) {
    return { passed: Buffer.concat(parts).toString(), error };
  }
}

const expected = { digest: digestOf(bytes), sizeBytes: bytes.length };

it('right bytes pass whole, however they are cut', async () => {
  for (const chunkBytes of [1, 4, 18, 19, 64]) {
    expect(await read(inChunks(bytes, chunkBytes), expected)).toEqual({ passed: bytes.toString(), error: undefined });
  }
});

it('an empty blob passes', async () => {
  expect(await read(inChunks(Buffer.alloc(0)), { digest: digestOf(Buffer.alloc(0)), sizeBytes: 0 })).toMatchObject({
    error: undefined,
  });
});

it('when the digest is wrong the last block never comes', async () => {
  const wrong = Buffer.from('The bytes of a blob');
  const result = await read(inChunks(wrong, 4), expected);
  expect(result).toMatchObject({
    passed: 'The bytes of a b',
    error: { code: 'BLOB_DIGEST_MISMATCH', digest: expected.digest },
  });
});

it('a source that ends early or runs over is refused, and the blob never completes', async () => {
  for (const source of [bytes.subarray(0, 18), Buffer.concat([bytes, Buffer.from('!')])]) {
    const result = await read(inChunks(source, 4), expected);
    expect(result.error).toMatchObject({ code: 'BLOB_SIZE_MISMATCH', digest: expected.digest });
    expect(result.passed.length).toBeLessThan(bytes.length);
  }
});

it('a byte too many in a chunk of its own comes too late to complete the blob', async () => {
  async function* over() {
    yield* inChunks(bytes, 19);
    yield Buffer.from('!');
  }
  expect(await read(over(), expected)).toMatchObject({ passed: '', error: { code: 'BLOB_SIZE_MISMATCH' } });
});

it('an error of the source passes unchanged', async () => {
  const failure = new Error('the swarm lost it');
  // biome-ignore lint/correctness/useYield: a source that fails at once
  async function* failing(): AsyncGenerator<Uint8Array> {
    throw failure;
  }
  expect((await read(failing(), expected)).error).toBe(failure);
});

it('a sha512 digest is checked as one', async () => {
  const digest = `sha512:${'0'.repeat(128)}` as Digest;
  expect(await read(inChunks(bytes), { digest, sizeBytes: bytes.length })).toMatchObject({
    error: { code: 'BLOB_DIGEST_MISMATCH' },
  });
});
