import { describe, expect, it } from 'vitest';
import { fileIn, temporaryFolder } from '../cli.testkit.ts';
import { loadConfig } from './config-file.ts';
import { oidcOptions } from './oidc.ts';
import { trackerConfigFile } from './tracker-config.ts';

const HOST = { platform: 'linux' as const, env: {}, hostName: 'tracker-1' };
const PUBLIC = 'publicUrl: https://shoal.test:7600\n';

function load(yaml: string, folder = temporaryFolder()) {
  const file = fileIn(folder, 'tracker.yaml', `insecure: true\n${yaml}`);
  return loadConfig(trackerConfigFile(HOST), { host: HOST, cwd: folder, file, flags: {} }).config;
}

describe('oidc: in tracker.yaml', () => {
  it('says who signs in where, and as what', () => {
    const folder = temporaryFolder();
    fileIn(folder, 'secret', 'geheim\n');
    const { oidc } = load(
      `${PUBLIC}oidc: { issuer: https://login.test, clientId: shoal, clientSecretFile: secret, admins: ops, readers: [dev, qa] }`,
      folder,
    );
    const options = oidcOptions(oidc);
    expect(options).toMatchObject({
      ...{ issuer: 'https://login.test', clientId: 'shoal', scope: 'openid profile email', lastsMs: 12 * 3_600_000 },
      roles: { claim: 'groups', admins: ['ops'], readers: ['dev', 'qa'] },
    });
    expect(options?.clientSecret?.()).toBe('geheim');
  });

  it('is none without it', () => {
    expect(oidcOptions(load('').oidc)).toBeUndefined();
  });

  it.each([
    ['oidc: { issuer: https://login.test, clientId: shoal, admins: ops }', /publicUrl is missing/],
    [`${PUBLIC}oidc: { issuer: https://login.test, clientId: shoal }`, /nobody could sign in/],
    [
      `${PUBLIC}oidc: { issuer: https://login.test, clientId: shoal, admins: ops, lasts: 0 }`,
      /oidc.lasts is wrong: 0 is not a duration/,
    ],
    [`${PUBLIC}oidc: { issuer: https://login.test, admins: ops }`, /oidc.clientId is missing/],
  ])('says what is wrong with %s', (yaml, fault) => {
    expect(() => load(yaml)).toThrow(fault);
  });
});
