import { describe, expect, it } from 'vitest';
import { startError } from './start-error.ts';

const PLACE = { dataDir: '/data', address: '0.0.0.0:7600', portKey: 'listen.port' };
const failure = (code: string, message = code) => Object.assign(new Error(message), { code });

describe('a daemon that cannot start says which setting to change', () => {
  it.each([
    [failure('EADDRINUSE'), 'PORT_IN_USE', /^0\.0\.0\.0:7600 is taken by another program; set listen\.port/],
    [failure('EADDRNOTAVAIL'), 'CANNOT_START', /is not an address of this host/],
    [failure('EACCES', "EACCES: mkdir '/data'"), 'CANNOT_START', /^\/data cannot be used/],
    [failure('EACCES', 'listen EACCES 0.0.0.0:80'), 'CANNOT_START', /^0\.0\.0\.0:7600 cannot be used/],
    [failure('SQLITE_CANTOPEN'), 'CANNOT_START', /^\/data cannot be used/],
    [failure('ERR_OSSL_PEM_NO_START_LINE'), 'CANNOT_START', /tls\.cert and tls\.key cannot be used/],
  ])('%s', (error, code, text) => {
    expect(startError(error, PLACE)).toMatchObject({ code, message: expect.stringMatching(text) });
  });

  it('and leaves an error alone that says it itself', () => {
    const error = failure('STORE_BUSY');
    expect(startError(error, PLACE)).toBe(error);
  });
});
