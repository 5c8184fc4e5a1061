import { describe, expect, it } from 'vitest';
import { MAX_CONFIG_BYTES, MAX_LAYERS, MAX_MANIFEST_BYTES, parseManifest } from './manifest.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  isForeignLayer,
  MANIFEST_MEDIA_TYPES,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';
import { bytesOf, descriptorOf, errorOf, imageOf } from './oci.testkit.ts';

const SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
const { document } = imageOf(['base', 'app']);

function documentWith(changes: object): Buffer {
  return bytesOf({ ...document, ...changes });
}

describe('parseManifest', () => {
  it('reads a Docker schema 2 manifest', () => {
    const manifest = parseManifest(bytesOf(document), `${DOCKER_MANIFEST}; charset=utf-8`);
    expect(manifest).toEqual({
      kind: 'manifest',
      mediaType: DOCKER_MANIFEST,
      config: document.config,
      layers: document.layers,
    });
  });

  it.each([DOCKER_MANIFEST_LIST, OCI_INDEX])('reads platforms and annotations of a %s', (mediaType) => {
    const entry = { ...descriptorOf('a', { mediaType: OCI_MANIFEST }), annotations: { a: 'b', ['__proto__']: 'c' } };
    const platform = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2113', variant: '' };
    const index = parseManifest(bytesOf({ schemaVersion: 2, mediaType, manifests: [{ ...entry, platform }] }));
    expect(index).toMatchObject({
      kind: 'index',
      mediaType,
      manifests: [
        { platform: { os: 'windows', architecture: 'amd64', osVersion: '10.0.20348.2113' }, annotations: { a: 'b' } },
      ],
    });
  });

  it('takes the kind from the transport, then from the shape, when the document names none', () => {
    const plain = documentWith({ mediaType: undefined });
    expect(parseManifest(plain, DOCKER_MANIFEST).mediaType).toBe(DOCKER_MANIFEST);
    expect(parseManifest(plain, 'application/json').mediaType).toBe(OCI_MANIFEST);
    expect(parseManifest(bytesOf({ schemaVersion: 2, manifests: [] })).mediaType).toBe(OCI_INDEX);
    expect(parseManifest(documentWith({}), 'application/octet-stream').mediaType).toBe(DOCKER_MANIFEST);
  });

  it('keeps sizes over 8 GiB', () => {
    const size = 9 * 1024 ** 3;
    expect(parseManifest(documentWith({ layers: [descriptorOf('big', { size })] }))).toMatchObject({
      layers: [{ size }],
    });
  });

  it('drops layer urls that are not http or https', () => {
    const layers = [descriptorOf('a', { urls: ['file:///etc/passwd', 'https://mcr.example.com/x', 'HTTP://h/y'] })];
    expect(parseManifest(documentWith({ layers }))).toMatchObject({
      layers: [{ urls: ['https://mcr.example.com/x', 'HTTP://h/y'] }],
    });
  });

  it.each([
    ['by its schemaVersion', bytesOf({ schemaVersion: 1, fsLayers: [] }), undefined],
    ['by the Content-Type', bytesOf({ name: 'a' }), SCHEMA1],
    ['by its own media type', bytesOf({ schemaVersion: 2, mediaType: SCHEMA1 }), undefined],
  ])('refuses Docker schema 1 %s, and says what to do', (_, bytes, contentType) => {
    const error = errorOf(() => parseManifest(bytes, contentType));
    expect(error.code).toBe('UNSUPPORTED_MANIFEST');
    expect(error.message).toContain('push the image again');
  });

  it.each([
    ['not JSON', Buffer.from('<html>'), 'is not JSON'],
    ['not an object', bytesOf([]), 'is not a JSON object'],
    ['no schemaVersion', bytesOf({ errors: [] }), 'schemaVersion 2'],
    ['no config', documentWith({ config: undefined }), 'config is not a JSON object'],
    ['layers that are no list', documentWith({ layers: {} }), 'layers is not a list'],
    [
      'a layer without a media type',
      documentWith({ layers: [{ ...descriptorOf('a'), mediaType: '' }] }),
      'layers[0]: mediaType',
    ],
    [
      'a bad digest',
      documentWith({ layers: [{ ...descriptorOf('a'), digest: 'sha256:../../x' }] }),
      'layers[0]: digest',
    ],
    ['a negative size', documentWith({ layers: [descriptorOf('a', { size: -1 })] }), 'not a size in bytes'],
    ['a size as text', documentWith({ layers: [{ ...descriptorOf('a'), size: '1' }] }), 'not a size in bytes'],
    ['a broken size', documentWith({ layers: [descriptorOf('a', { size: 1.5 })] }), 'not a size in bytes'],
    [
      'two sizes for one blob',
      documentWith({ layers: [descriptorOf('a'), descriptorOf('a', { size: 5 })] }),
      'two sizes',
    ],
    ['layers and manifests', documentWith({ manifests: [] }), 'only an index has'],
    ['manifests and layers', documentWith({ manifests: [], mediaType: OCI_INDEX }), 'only a manifest has'],
  ])('refuses a document with %s', (_, bytes, reason) => {
    const error = errorOf(() => parseManifest(bytes));
    expect(error.code).toBe('INVALID_MANIFEST');
    expect(error.message).toContain(reason);
  });

  it('refuses a document that was delivered as another kind', () => {
    expect(errorOf(() => parseManifest(bytesOf(document), OCI_INDEX)).message).toContain('was delivered as');
  });

  it('refuses a media type that is not that of an image', () => {
    const error = errorOf(() => parseManifest(documentWith({ mediaType: 'application/vnd.example+json' })));
    expect(error.code).toBe('UNSUPPORTED_MANIFEST');
  });

  it('refuses what is over its caps: bytes, layers, the size of the config', () => {
    const layers = Array.from({ length: MAX_LAYERS + 1 }, (_, i) => descriptorOf(`${i}`));
    const config = { ...document.config, size: MAX_CONFIG_BYTES + 1 };
    expect(errorOf(() => parseManifest(Buffer.alloc(MAX_MANIFEST_BYTES + 1))).code).toBe('TOO_LARGE');
    expect(errorOf(() => parseManifest(documentWith({ layers }))).code).toBe('TOO_LARGE');
    expect(errorOf(() => parseManifest(documentWith({ config }))).code).toBe('TOO_LARGE');
    expect(parseManifest(documentWith({ layers: layers.slice(1) }))).toMatchObject({ kind: 'manifest' });
  });

  it('reads bytes that are a view into a larger buffer', () => {
    const bytes = bytesOf(document);
    const whole = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]);
    expect(parseManifest(new Uint8Array(whole.buffer, whole.byteOffset + 2, bytes.byteLength)).kind).toBe('manifest');
  });
});

describe('media types', () => {
  it('asks for all four kinds of manifest', () => {
    expect(MANIFEST_MEDIA_TYPES).toEqual([DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_MANIFEST, OCI_INDEX]);
  });

  it.each([
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', true],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', false],
    ['application/vnd.oci.image.layer.v1.tar+gzip', false],
  ])('%s foreign: %s', (mediaType, foreign) => {
    expect(isForeignLayer(descriptorOf('a', { mediaType }))).toBe(foreign);
  });
});
