import { describe, expect, it } from 'vitest';
import { routeOf } from './route.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const KNOWN = { hosts: new Set(['harbor.test', 'docker.io', '127.0.0.1:5000']), default: 'harbor.test' };
const get = (target: string, known: Parameters<typeof routeOf>[1] = KNOWN) => routeOf({ method: 'GET', target }, known);

describe('a pull', () => {
  it.each([
    ['a mirror with ns', `/v2/team/app/blobs/${DIGEST}?ns=harbor.test`, 'harbor.test'],
    ['the host in the name', `/v2/harbor.test/team/app/blobs/${DIGEST}`, 'harbor.test'],
    ['its host in other letters', `/v2/Harbor.Test/team/app/blobs/${DIGEST}`, 'harbor.test'],
    ['a host with a port', `/v2/127.0.0.1:5000/team/app/blobs/${DIGEST}`, '127.0.0.1:5000'],
    ['a host with a coded port', `/v2/127.0.0.1%3A5000/team/app/blobs/${DIGEST}`, '127.0.0.1:5000'],
    ['no host', `/v2/team/app/blobs/${DIGEST}`, 'harbor.test'],
    ['Docker Hub under its API’s name', `/v2/team/app/blobs/${DIGEST}?ns=registry-1.docker.io`, 'docker.io'],
  ])('by %s finds registry, repository and digest', (_title, target, host) => {
    const wanted = { kind: 'blob', host, repository: 'team/app', digest: DIGEST };
    expect(get(target)).toEqual({ ...wanted, target: `/v2/team/app/blobs/${DIGEST}` });
  });

  it.each([
    ['a tag', '1.2_a-b'],
    ['a digest', DIGEST],
  ])('of a manifest by %s is one', (_title, reference) => {
    const target = `/v2/team/app/manifests/${reference}`;
    expect(get(target)).toEqual({ kind: 'manifest', host: 'harbor.test', target, repository: 'team/app', reference });
  });

  it('keeps what else was asked for', () => {
    expect(get('/v2/team/app/manifests/1?ns=harbor.test&a=b%20c')).toMatchObject({
      target: '/v2/team/app/manifests/1?a=b+c',
    });
  });
});

describe('anything else', () => {
  it.each([
    ['GET', '/v2/'],
    ['GET', '/service/token?scope=repository:a/b:pull&service=harbor-registry'],
    ['POST', '/v2/team/app/blobs/uploads/'],
    ['PATCH', '/v2/team/app/blobs/uploads/123'],
    ['PUT', '/v2/team/app/manifests/1'],
    ['GET', '/v2/team/app/tags/list'],
  ])('%s %s goes to the registry as it is', (method, target) => {
    expect(routeOf({ method, target }, KNOWN)).toEqual({ kind: 'other', host: 'harbor.test', target });
  });
});

describe('bad input', () => {
  it.each([
    ['a name in capitals', `/v2/Team/app/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['a way out', `/v2/../../etc/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['a coded way out', `/v2/%2e%2e/app/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['a broken code', `/v2/%zz/app/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['an empty part', `/v2/team//app/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['a name of 256', `/v2/${'a'.repeat(256)}/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['no digest', '/v2/team/app/blobs/latest', 400, 'DIGEST_INVALID'],
    ['a short digest', '/v2/team/app/blobs/sha256:abc', 400, 'DIGEST_INVALID'],
    ['no tag', '/v2/team/app/manifests/-a', 400, 'MANIFEST_INVALID'],
    ['an unknown registry', `/v2/team/app/blobs/${DIGEST}?ns=evil.test`, 404, 'NAME_UNKNOWN'],
  ])('%s is refused', (_title, target, status, code) => {
    expect(get(target)).toMatchObject({ status, code });
  });

  it('without a default registry there is one all the same', () => {
    expect(get('/v2/', { hosts: KNOWN.hosts })).toEqual({ kind: 'ping' });
    expect(get('/v2/')).toMatchObject({ kind: 'other', host: 'harbor.test' });
  });

  it('without a default registry a name needs its host', () => {
    expect(get('/v2/team/app/manifests/1', { hosts: KNOWN.hosts })).toMatchObject({
      status: 404,
      code: 'NAME_UNKNOWN',
    });
  });
});
