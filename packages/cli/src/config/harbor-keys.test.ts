import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { ConfigError } from './config-error.ts';
import { loadConfig } from './config-file.ts';
import { harborOptions } from './harbor-keys.ts';
import { trackerConfigFile } from './tracker-config.ts';

const HARBOR = 'registries: [{ host: harbor.test }]\nhooks: { secret: "Bearer s3cret" }\n';

function load(yaml: string, env: Record<string, string> = {}) {
  const cwd = temporaryFolder();
  fileIn(cwd, 'tracker.yaml', `insecure: true\n${yaml}`);
  const host = { platform: 'linux' as const, env, hostName: 'web-1' };
  return loadConfig(trackerConfigFile(host), { host, cwd, file: 'tracker.yaml', flags: {} }).config;
}

function faultsOf(yaml: string): string[] {
  try {
    load(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').filter((line) => line.includes('tracker.yaml:'));
    throw error;
  }
  throw new Error('the settings were taken');
}

describe('what Harbor may order', () => {
  it('is nothing by default', () => {
    const options = harborOptions(load(''));
    expect([options.preheat, options.hooks]).toEqual([undefined, undefined]);
  });

  it('comes with the secrets of files, of the settings or of the environment', () => {
    const file = fileIn(temporaryFolder(), 'secret', 's3cret\n');
    for (const [yaml, env] of [
      [`harbor: { preheat: { secretFile: ${file} } }\nhooks: { secretFile: ${file} }`, {}],
      ['harbor: { preheat: { secret: s3cret } }\nhooks: { secret: s3cret }', {}],
      ['', { SHOAL_HARBOR_PREHEAT_SECRET: 's3cret', SHOAL_HOOKS_SECRET: 's3cret' }],
    ] as const) {
      const { preheat, hooks } = harborOptions(load(yaml, env));
      expect(preheat).toMatchObject({ secret: 's3cret', username: 'harbor', header: 'X-Shoal-Secret', isOpen: false });
      expect(hooks).toMatchObject({ secret: 's3cret', rules: [] });
    }
  });

  it('is without a secret only when that is said', () => {
    expect(harborOptions(load('harbor: { preheat: { anonymous: true } }')).preheat).toMatchObject({ isOpen: true });
  });

  it('has clusters by number, and the time after which Harbor is answered', () => {
    const yaml =
      'harbor: { preheat: { secret: s, clusters: { 1: "zone=a", 20: "rack in (r1,r2)" }, answerAfter: 5 min } }';
    expect(harborOptions(load(yaml)).preheat).toMatchObject({
      ...{ clusters: { 1: 'zone=a', 20: 'rack in (r1,r2)' }, answerAfterMs: 300_000 },
    });
    expect(harborOptions(load('harbor: { preheat: { secret: s } }')).preheat?.answerAfterMs).toBe(28 * 60_000);
  });

  it('shows no secret in shoal config', async () => {
    const cwd = temporaryFolder();
    fileIn(cwd, 't.yaml', 'insecure: true\nharbor: { preheat: { secret: s3cret } }\nhooks: { secret: s3cret }');
    const { out } = await run(['config', 'tracker', '--file', 't.yaml'], { cwd });
    expect(out).toMatch(/^hooks\.secret +\(hidden\)/m);
    expect(out).not.toContain('s3cret');
  });
});

describe('rules for pushes', () => {
  it('have what a job has, with times of day', () => {
    const yaml = `${HARBOR}on-push:
  - match: "win/*:ltsc*"
    prewarm: { hosts: ["env=prod", "db-*"], at: "22:00", by: 06:00, percent: 10, priority: 5, keepFor: 30 d, standing: true }
  - match: "linux/*"`;
    expect(harborOptions(load(yaml)).hooks?.rules).toEqual([
      {
        match: 'win/*:ltsc*',
        prewarm: {
          ...{ hosts: ['env=prod', 'db-*'], at: '22:00', by: '06:00', percent: 10, priority: 5 },
          ...{ keepForMs: 30 * 86_400_000, standing: true },
        },
      },
      { match: 'linux/*', prewarm: {} },
    ]);
  });

  it('may be a single one, and its hosts a single text', () => {
    const yaml = `${HARBOR}on-push: { match: "win/*", prewarm: { hosts: env=prod } }`;
    expect(harborOptions(load(yaml)).hooks?.rules).toEqual([{ match: 'win/*', prewarm: { hosts: ['env=prod'] } }]);
  });

  it('with faults are refused, each fault at its place', () => {
    const yaml = `${HARBOR}on-push:
  match: "win/*"
  prewarm:
    at: "25:00"
    percent: 0
    host: a`;
    expect(faultsOf(yaml)).toEqual([
      expect.stringMatching(
        /tracker\.yaml:7:9: on-push\[0\]\.prewarm\.at is wrong: "25:00" is not a time of day such as/,
      ),
      expect.stringMatching(/tracker\.yaml:8:14: on-push\[0\]\.prewarm\.percent .* whole number from 1 to 100/),
      expect.stringMatching(/tracker\.yaml:9:5: on-push\[0\]\.prewarm\.host is not a known key; did you mean hosts/),
    ]);
  });

  it('that nobody can trigger, or that are there twice, are refused', () => {
    expect(faultsOf('on-push: [{ match: a }]')).toEqual([
      expect.stringMatching(/on-push has no effect.*hooks\.secretFile/),
    ]);
    expect(faultsOf(`${HARBOR}on-push: [{ match: a }, { match: a }]`)).toEqual([
      expect.stringMatching(/on-push\[1\]\.match is listed twice/),
    ]);
  });
});

it.each([
  ['hooks: { secret: a, secretFile: b }', /hooks\.secretFile cannot stand beside secret/],
  ['harbor: { preheat: { secret: a, secretFile: b } }', /harbor\.preheat\.secretFile cannot stand beside secret/],
  ['hooks: { secret: a, registry: other.test }', /hooks\.registry is none of registries/],
  ['harbor: { preheat: { clusters: { one: "zone=a" } } }', /harbor\.preheat\.clusters\.one is no cluster id/],
  [
    'harbor: { preheat: { answerAfter: 30 min } }',
    /harbor\.preheat\.answerAfter is too long: Harbor gives up after 30/,
  ],
  ['harbor: { preheat: { header: "a b" } }', /harbor\.preheat\.header is wrong/],
])('%s is refused', (yaml, fault) => {
  expect(faultsOf(yaml)).toEqual([expect.stringMatching(fault)]);
});
