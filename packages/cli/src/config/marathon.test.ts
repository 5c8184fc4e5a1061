import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileIn, temporaryFolder } from '../cli.testkit.ts';
import { loadConfig } from './config-file.ts';
import { marathonSites } from './marathon.ts';
import { trackerConfigFile } from './tracker-config.ts';

const HOST = { platform: 'linux' as const, env: {}, hostName: 'tracker-1' };

function load(yaml: string, folder = temporaryFolder()) {
  const file = fileIn(folder, 'tracker.yaml', `insecure: true\n${yaml}`);
  return loadConfig(trackerConfigFile(HOST), { host: HOST, cwd: folder, file, flags: {} }).config;
}

describe('marathon: in tracker.yaml', () => {
  it('names each Marathon with all that the tracker needs of it', () => {
    const folder = temporaryFolder();
    fileIn(folder, 'password', 'geheim\n');
    fileIn(folder, 'ca.pem', 'PEM');
    const { marathon } = load(
      [
        'marathon:',
        '  - url: https://marathon.test/service/marathon',
        '    mesos: https://mesos.test:5050',
        '    username: shoal',
        '    passwordFile: password',
        '    caFile: ca.pem',
        '    prewarm: { priority: 5 }',
        '    only: { prewarm: "true" }',
        '  - url: http://other.test:8080',
      ].join('\n'),
      folder,
    );
    const [first, second] = marathonSites(marathon);
    expect(first).toMatchObject({
      ...{ url: 'https://marathon.test/service/marathon', mesos: 'https://mesos.test:5050', ca: 'PEM' },
      ...{ prewarm: { class: 'prewarm', priority: 5 }, only: { prewarm: 'true' } },
    });
    expect(first?.authorization?.()).toBe(`Basic ${Buffer.from('shoal:geheim').toString('base64')}`);
    expect(second?.authorization).toBeUndefined();
  });

  it('reads a token anew for every request', () => {
    const folder = temporaryFolder();
    const token = fileIn(folder, 'token', 'first');
    const { marathon } = load('marathon: [{ url: http://m.test:8080, tokenFile: token }]', folder);
    const [site] = marathonSites(marathon);
    expect(site?.authorization?.()).toBe('token=first');
    writeFileSync(token, 'second\n');
    expect(site?.authorization?.()).toBe('token=second');
  });

  it('is refused with every fault by its line', () => {
    const yaml = [
      'marathon:',
      '  - url: marathon.test:8080',
      '    username: shoal',
      '    tokenFile: t',
      '  - url: http://a.test',
      '    passwordFile: p',
      '    prewarm: { class: seed, priority: 1.5 }',
      '    lables: {}',
      '  - url: http://A.test/',
      '    only: { prewarm: true }',
    ].join('\n');
    const faults = [
      /^tracker\.yaml:3:10: marathon\[0\]\.url is wrong: "marathon\.test:8080" is not an address/,
      /^tracker\.yaml:4:5: marathon\[0\]\.username has no password; give passwordFile/,
      /^tracker\.yaml:5:5: marathon\[0\]\.tokenFile cannot stand beside username/,
      /^tracker\.yaml:7:5: marathon\[1\]\.passwordFile has no username/,
      /^tracker\.yaml:8:23: marathon\[1\]\.prewarm\.class is wrong: "seed" is not one of prewarm, pull/,
      /^tracker\.yaml:8:39: marathon\[1\]\.prewarm\.priority is wrong: 1\.5 is not a whole number from -100 to 100/,
      /^tracker\.yaml:9:5: marathon\[1\]\.lables is not a known key; /,
      /^tracker\.yaml:10:5: marathon\[2\]\.url is listed twice/,
      /^tracker\.yaml:11:22: marathon\[2\]\.only\.prewarm is wrong: true is not a text/,
    ];
    const lines = messageOf(() => load(yaml))
      .split('\n')
      .map((line) => line.replace(/^\S*tracker\.yaml/, 'tracker.yaml'));
    expect(lines).toEqual(faults.map((fault) => expect.stringMatching(fault)));
  });
});

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the settings were taken');
}
