import { describe, expect, it } from 'vitest';
import { type Door, entranceOf } from './entrance.ts';

const HOSTS = new Set(['harbor.test', 'harbor.test:8443', 'docker.io', '[::1]:5000']);
const enter = (url: string, door?: Door, host?: string) => entranceOf({ url, headers: { host } }, door, HOSTS);

describe('by the plain door', () => {
  it('a path means no registry yet', () => {
    expect(enter('/v2/team/app/manifests/1?a=b')).toEqual({ target: '/v2/team/app/manifests/1?a=b' });
  });

  it.each([
    ['http://harbor.test/v2/?a=b', 'harbor.test', '/v2/?a=b'],
    ['HTTP://Harbor.Test:80/v2/', 'harbor.test', '/v2/'],
    ['http://harbor.test:8443/v2/', 'harbor.test:8443', '/v2/'],
    ['https://harbor.test:443/v2/', 'harbor.test', '/v2/'],
    ['http://[::1]:5000/v2/', '[::1]:5000', '/v2/'],
    ['http://registry-1.docker.io?a', 'docker.io', '/?a'],
  ])('%s means a registry', (url, registry, target) => {
    expect(enter(url)).toEqual({ registry, target });
  });

  it.each([
    ['http://evil.test/v2/'],
    ['http://harbor.test:81/v2/'],
    ['http://harbor.test@evil.test/'],
    ['http:///v2/'],
  ])('%s is refused and the client is told what to change', (url) => {
    expect(enter(url)).toMatchObject({ status: 403, message: expect.stringMatching(/registries in agent.yaml/) });
  });

  it.each([['*'], ['*@evil.test/'], ['harbor.test/v2/'], ['ftp://harbor.test/']])('%s is no request', (url) => {
    expect(enter(url)).toMatchObject({ status: 400 });
  });
});

describe('by CONNECT', () => {
  it('the registry is that of the CONNECT, whatever else is named', () => {
    const door: Door = { kind: 'connect', registry: 'harbor.test' };
    expect(enter('/v2/?ns=docker.io', door, 'docker.io')).toEqual({
      registry: 'harbor.test',
      target: '/v2/?ns=docker.io',
    });
  });
});

describe('by the stand-in', () => {
  const door: Door = { kind: 'stand-in', name: 'harbor.test' };

  it.each([
    ['harbor.test', 'harbor.test'],
    ['HARBOR.test:443', 'harbor.test'],
    ['harbor.test:8443', 'harbor.test:8443'],
    [undefined, 'harbor.test'],
  ])('Host %s of that name is the registry', (host, registry) => {
    expect(enter('/v2/', door, host)).toEqual({ registry, target: '/v2/' });
  });

  it.each([['docker.io'], ['harbor.test:81'], ['evil.test'], ['a b']])('Host %s is misdirected', (host) => {
    expect(enter('/v2/', door, host)).toMatchObject({ status: 421 });
  });

  it('Docker Hub has its API’s name', () => {
    const hub: Door = { kind: 'stand-in', name: 'docker.io' };
    expect(enter('/v2/', hub, 'registry-1.docker.io')).toEqual({ registry: 'docker.io', target: '/v2/' });
  });
});
