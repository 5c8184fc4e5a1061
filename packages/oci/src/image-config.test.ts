import { describe, expect, it } from 'vitest';
import { parseImageConfig } from './image-config.ts';
import { MAX_CONFIG_BYTES } from './manifest.ts';
import { bytesOf, diffIdOf, errorOf } from './oci.testkit.ts';

const diffIds = [diffIdOf('base'), diffIdOf('app')];

describe('parseImageConfig', () => {
  it('reads platform and diffIDs', () => {
    const platform = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2113' };
    expect(parseImageConfig(bytesOf({ ...platform, rootfs: { type: 'layers', diff_ids: diffIds } }))).toEqual({
      os: 'windows',
      architecture: 'amd64',
      osVersion: '10.0.20348.2113',
      diffIds,
    });
  });

  it('reads an image without layers, whose list Go writes as null', () => {
    const config = { os: 'linux', architecture: 'arm', variant: 'v7', rootfs: { type: 'layers', diff_ids: null } };
    expect(parseImageConfig(bytesOf(config))).toEqual({ os: 'linux', architecture: 'arm', variant: 'v7', diffIds: [] });
  });

  it('says that an artifact is not a container image', () => {
    const error = errorOf(() => parseImageConfig(bytesOf({})));
    expect(error.code).toBe('INVALID_CONFIG');
    expect(error.message).toContain('not a container image');
  });

  it.each([
    ['JSON that is cut', Buffer.from('{"os":')],
    ['a diffID that is no digest', bytesOf({ os: 'linux', architecture: 'amd64', rootfs: { diff_ids: ['x'] } })],
    ['an os that is a number', bytesOf({ os: 1, architecture: 'amd64', rootfs: { diff_ids: [] } })],
  ])('refuses %s', (_, bytes) => {
    expect(errorOf(() => parseImageConfig(bytes)).code).toBe('INVALID_CONFIG');
  });

  it('refuses a config over its cap before reading it', () => {
    expect(errorOf(() => parseImageConfig(Buffer.alloc(MAX_CONFIG_BYTES + 1))).code).toBe('TOO_LARGE');
  });
});
