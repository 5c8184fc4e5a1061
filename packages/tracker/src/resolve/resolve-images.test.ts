import { parseReference } from '@shoal/oci';
import { describe, expect, it } from 'vitest';
import { createMemorySource, digestOfBytes, imageIn, indexOf, type MemorySource } from '../memory-source.testkit.ts';
import { parseReferences, platformKey, resolveImage } from './resolve-images.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const WINDOWS = { os: 'windows', architecture: 'amd64', osVersion: '10.0.20348.2113' };

async function resolve(source: MemorySource, ...platforms: (typeof AMD64)[]) {
  return await resolveImage(
    { openSource: async () => source, knownDocument: () => undefined },
    parseReference('r.test/team/app:1'),
    platforms,
  );
}

describe('an image reference', () => {
  it('is taken once, in full, however it is written', () => {
    const texts = ['nginx', 'docker.io/library/nginx:latest', 'r.test:5000/a'];
    expect(parseReferences(texts).map(({ repository }) => repository)).toEqual(['library/nginx', 'a']);
  });
});

describe('an index', () => {
  it('gives each platform its own manifest, and equal platforms the same one', async () => {
    const source = createMemorySource();
    const amd64 = imageIn(source, { platform: AMD64, layers: [{ name: 'amd64', size: 10 }] });
    const windows = imageIn(source, { platform: WINDOWS, layers: [{ name: 'windows', size: 20 }] });
    source.tag(
      'team/app:1',
      indexOf([
        { manifest: amd64, platform: AMD64 },
        { manifest: windows, platform: WINDOWS },
      ]),
    );
    const { image } = await resolve(source, AMD64, WINDOWS, { ...AMD64 });
    expect(image).toMatchObject({ reference: 'r.test/team/app:1', registry: 'r.test', repository: 'team/app' });
    expect(image.variants.map(({ manifest }) => manifest.digest)).toEqual([amd64.digest, windows.digest]);
    expect(image.choices).toEqual({ [platformKey(AMD64)]: { variant: 0 }, [platformKey(WINDOWS)]: { variant: 1 } });
  });

  it('is followed into a nested index', async () => {
    const source = createMemorySource();
    const wanted = imageIn(source);
    const inner = source.put(indexOf([{ manifest: wanted, platform: AMD64 }]));
    source.tag('team/app:1', indexOf([{ manifest: inner }]));
    const { image } = await resolve(source, AMD64);
    expect(image.variants[0]?.manifest.digest).toBe(wanted.digest);
  });

  it('is left by another entry when a nested one leads nowhere', async () => {
    const source = createMemorySource();
    const arm = source.put(indexOf([{ manifest: imageIn(source, { platform: ARM64 }), platform: ARM64 }]));
    const wanted = imageIn(source);
    const amd = source.put(indexOf([{ manifest: wanted, platform: AMD64 }]));
    source.tag('team/app:1', indexOf([{ manifest: arm }, { manifest: amd }]));
    expect((await resolve(source, AMD64)).image.variants[0]?.manifest.digest).toBe(wanted.digest);
  });

  it('that is nested without end is refused', async () => {
    const source = createMemorySource();
    let index = source.put(indexOf([{ manifest: imageIn(source), platform: AMD64 }]));
    for (let level = 0; level < 5; level++) index = source.put(indexOf([{ manifest: index }]));
    source.tag('team/app:1', index);
    await expect(resolve(source, AMD64)).rejects.toMatchObject({ code: 'UNSUPPORTED_MANIFEST' });
  });

  it('without the platform is that choice, naming the platforms there are', async () => {
    const source = createMemorySource();
    source.tag('team/app:1', indexOf([{ manifest: imageIn(source, { platform: ARM64 }), platform: ARM64 }]));
    const choice = (await resolve(source, AMD64)).image.choices[platformKey(AMD64)];
    expect(choice).toMatchObject({ variant: null, error: { code: 'NO_PLATFORM' } });
    expect(choice?.error?.text).toContain('linux/arm64');
  });
});

describe('a Windows image', () => {
  const on = (build: string) => ({ os: 'windows', architecture: 'amd64', osVersion: `10.0.${build}` });

  it.each([
    ['14393.5717', '14393.5717', undefined],
    ['14393.5717', '14393.5850', 'INCOMPATIBLE'],
    ['17763.3887', '17763.4000', undefined],
    ['14393.5717', '17763.4000', undefined],
  ])('of %s on a host of %s: %s', async (image, host, code) => {
    const source = createMemorySource();
    const manifest = imageIn(source, { platform: on(image) });
    source.tag('team/app:1', indexOf([{ manifest, platform: on(image) }]));
    const choice = (await resolve(source, on(host))).image.choices[platformKey(on(host))];
    expect(choice).toMatchObject({ variant: 0 });
    expect(choice?.error?.code).toBe(code);
  });
});

describe('a single manifest', () => {
  it('must suit the host by its image config', async () => {
    const source = createMemorySource();
    source.tag('team/app:1', imageIn(source, { platform: ARM64 }));
    const { choices } = (await resolve(source, ARM64, AMD64)).image;
    expect(choices[platformKey(ARM64)]).toEqual({ variant: 0 });
    expect(choices[platformKey(AMD64)]).toMatchObject({ variant: null, error: { code: 'NO_PLATFORM' } });
  });

  it('is read once, its config too, and both count as bytes of the origin', async () => {
    const source = createMemorySource();
    const manifest = imageIn(source);
    source.tag('team/app:1', manifest);
    const { image, originBytes } = await resolve(source, AMD64, ARM64);
    const [variant] = image.variants;
    expect(originBytes).toBe(manifest.bytes.length + (variant?.config.bytes.length ?? 0));
    expect(source.reads).toEqual(['resolve team/app:1', `blob ${variant?.config.digest}`]);
  });

  it('is refused when the bytes of its config are others', async () => {
    const source = createMemorySource();
    const manifest = imageIn(source);
    const { config } = JSON.parse(String(manifest.bytes));
    source.putBlob(Buffer.from('{"os":"linux"}'), config.digest);
    source.tag('team/app:1', manifest);
    await expect(resolve(source, AMD64)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('counts a layer that it names twice once', async () => {
    const source = createMemorySource();
    const base = { name: 'base', size: 100 };
    source.tag('team/app:1', imageIn(source, { layers: [base, base] }));
    const [variant] = (await resolve(source, AMD64)).image.variants;
    expect(variant?.imageBytes).toBe(100 + (variant?.config.bytes.length ?? 0));
    expect(variant?.config.digest).toBe(digestOfBytes(variant?.config.bytes ?? Buffer.alloc(0)));
  });
});
