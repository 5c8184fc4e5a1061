import { describe, expect, it } from 'vitest';
import { fileIn, temporaryFolder } from '../cli.testkit.ts';
import { agentConfigFile } from './agent-config.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigSources, loadConfig, peekConfig } from './config-file.ts';
import type { HostDefaults } from './defaults.ts';
import { trackerConfigFile } from './tracker-config.ts';

// Not the machine's own settings: a Shoal may be installed there.
const LINUX: HostDefaults = { platform: 'linux', env: {}, hostName: 'web-1', configDir: '/nowhere' };
const MINIMAL = 'tracker: { url: "https://tracker.test:7600", token: secret }\n';

interface Given {
  yaml?: string;
  env?: Record<string, string>;
  flags?: Record<string, unknown>;
  host?: Partial<HostDefaults>;
}

function sourcesOf(name: string, { yaml, env = {}, flags = {}, host = {} }: Given): ConfigSources {
  const cwd = temporaryFolder();
  if (yaml !== undefined) fileIn(cwd, name, yaml);
  return { host: { ...LINUX, ...host, env }, cwd, file: yaml === undefined ? undefined : name, flags };
}

function agent(given: Given, readFiles = false) {
  const sources = sourcesOf('agent.yaml', given);
  return loadConfig(agentConfigFile(sources.host), sources, readFiles);
}

function tracker(given: Given) {
  const sources = sourcesOf('tracker.yaml', given);
  return loadConfig(trackerConfigFile(sources.host), sources);
}

function faultsOf(load: () => unknown): string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  throw new Error('the settings were taken');
}

describe('faults', () => {
  it('come all at once, each with file, line and column and what to do', () => {
    const yaml = [
      'trackr: {}',
      'tracker:',
      '  url: ftp://tracker',
      'peer:',
      '  prot: 1',
      '  port: 99999',
      'limits:',
      '  upload: 60',
      'labels:',
      '  rack: 3',
      'exit: archive',
    ].join('\n');
    expect(faultsOf(() => agent({ yaml }))).toEqual([
      'agent.yaml:1:1: trackr is not a known key; did you mean tracker?',
      expect.stringMatching(/^agent\.yaml:1:1: archive\.folder is missing: exit is archive/),
      expect.stringMatching(
        /^agent\.yaml:2:1: tracker\.token is missing: set tracker\.tokenFile, or SHOAL_TRACKER_TOKEN/,
      ),
      expect.stringMatching(/^agent\.yaml:3:8: tracker\.url is wrong: "ftp:\/\/tracker" is not an address such as/),
      'agent.yaml:5:3: peer.prot is not a known key; did you mean port?',
      expect.stringMatching(/^agent\.yaml:6:9: peer\.port is wrong: 99999 is not a port/),
      expect.stringMatching(
        /^agent\.yaml:8:11: limits\.upload is wrong: "60" is not a rate; write a number and a unit/,
      ),
      expect.stringMatching(/^agent\.yaml:10:9: labels\.rack is wrong: 3 is not a text/),
    ]);
  });

  it('name the flag or the variable that a wrong value came from', () => {
    const given = { yaml: MINIMAL, env: { SHOAL_LOG_LEVEL: 'loud' }, flags: { peerPort: 'abc' } };
    expect(faultsOf(() => agent(given))).toEqual([
      expect.stringMatching(/^--peer-port: peer\.port is wrong: "abc" is not a port/),
      expect.stringMatching(/^SHOAL_LOG_LEVEL: log\.level is wrong: "loud" is not one of error, warn/),
    ]);
  });

  it('name all ways to give a value that is missing', () => {
    expect(faultsOf(() => agent({}))[0]).toMatch(
      /tracker\.url is missing: set tracker\.url in agent\.yaml or SHOAL_TRACKER_URL or --tracker-url/,
    );
  });

  it('never repeat a secret', () => {
    const yaml = 'tracker: { url: "https://t", token: [shoal_agent_S3CRET] }';
    const faults = faultsOf(() => agent({ yaml }));
    expect(faults).toEqual([expect.stringContaining('tracker.token is wrong: the value is not')]);
    expect(faults.join()).not.toContain('S3CRET');
  });

  it.each([
    ['a: [1\nb: 2', /^agent\.yaml:\d+:\d+: is not YAML: .*; correct this line$/],
    ['peer: {port: 1}\npeer: {port: 2}', /^agent\.yaml:2:1: is not YAML: Map keys must be unique/],
    ['- a', /^agent\.yaml:1:1: must hold keys and values/],
    ['peer:\n', /^agent\.yaml:1:1: peer is empty; give a section with the keys host, port, advertiseHost/],
    ['peer: 7610', /^agent\.yaml:1:7: peer is wrong: 7610 is not a section with the keys/],
  ])('of the form of the file have their place: %j', (yaml, expected) => {
    expect(faultsOf(() => agent({ yaml }))).toContainEqual(expect.stringMatching(expected));
  });

  it('say that a named file does not exist', () => {
    const sources = { host: LINUX, cwd: temporaryFolder(), file: 'none.yaml', flags: {} };
    expect(faultsOf(() => loadConfig(agentConfigFile(LINUX), sources))).toEqual([
      'none.yaml: cannot be read (ENOENT); give the path of an existing file that this account may read',
    ]);
  });

  it('say that a file a key names cannot be read, where files are to be read', () => {
    const yaml = 'tracker: { url: "https://t", tokenFile: join.token }';
    expect(agent({ yaml }).config.tracker.tokenFile).toMatch(/join\.token$/);
    expect(faultsOf(() => agent({ yaml }, true))).toEqual([
      expect.stringMatching(/^agent\.yaml:1:41: tracker\.tokenFile cannot be read: .*join\.token \(ENOENT\)/),
    ]);
  });

  it('of tls and insecure: exactly one of them', () => {
    const both = 'insecure: true\ntls: { cert: a, key: b }';
    expect(faultsOf(() => tracker({ yaml: both }))).toEqual([
      expect.stringMatching(/^tracker\.yaml:1:1: insecure cannot stand beside tls/),
    ]);
    expect(faultsOf(() => tracker({}))).toEqual([expect.stringMatching(/tls is missing: give tls\.cert and tls\.key/)]);
  });

  it('of an agent with two join tokens, or none', () => {
    const yaml = 'tracker: { url: "https://t", token: a, tokenFile: b }';
    expect(faultsOf(() => agent({ yaml }))).toEqual([
      'agent.yaml:1:40: tracker.tokenFile cannot stand beside token; keep one of them',
    ]);
  });

  it('of an agent that is to drop what no engine has', () => {
    const yaml = `${MINIMAL}exit: cache\ncache: { keep: untilLoaded }\n`;
    expect(faultsOf(() => agent({ yaml }))).toEqual([expect.stringMatching(/cache\.keep cannot be untilLoaded/)]);
    expect(agent({ yaml: `${MINIMAL}cache: { keep: untilLoaded }\n` }).config.cache.keep).toBe('untilLoaded');
  });

  it('of registries: places that exclude each other, accounts without a password, hosts that are listed twice', () => {
    const yaml = [
      'insecure: true',
      'registries:',
      '  - { host: a.test, layout: l, archive: f, url: "https://a" }',
      '  - { host: b.test, username: u }',
      '  - { host: B.test }',
      '  - { hots: c }',
    ].join('\n');
    expect(faultsOf(() => tracker({ yaml }))).toEqual([
      expect.stringContaining('tracker.yaml:3:32: registries[0].archive cannot stand beside layout'),
      expect.stringContaining('registries[0].url has no meaning beside layout or archive'),
      expect.stringContaining(
        'registries[1].username has no password; give passwordFile or the environment variable SHOAL_REGISTRY_PASSWORD_B_TEST',
      ),
      expect.stringContaining('registries[2].host is listed twice'),
      expect.stringContaining('tracker.yaml:6:5: registries[3].host is missing'),
      expect.stringContaining('tracker.yaml:6:7: registries[3].hots is not a known key; did you mean host?'),
    ]);
  });
});

describe('values', () => {
  it('come from flag over environment over file over default', () => {
    const yaml = `${MINIMAL}peer: { port: 1 }\n`;
    const portOf = (given: Given) => agent({ yaml, ...given }).config.peer.port;
    expect(agent({ yaml: MINIMAL }).config.peer.port).toBe(7610);
    expect(portOf({})).toBe(1);
    expect(portOf({ env: { SHOAL_PEER_PORT: '2' } })).toBe(2);
    expect(portOf({ env: { SHOAL_PEER_PORT: '2' }, flags: { peerPort: '3' } })).toBe(3);
  });

  it('tell where they come from', () => {
    const given = { yaml: `${MINIMAL}peer: { port: 1 }`, env: { SHOAL_NAME: 'n' }, flags: { exit: 'cache' } };
    const sources = Object.fromEntries(agent(given).entries.map(({ key, kind, at }) => [key.path, [kind, at]]));
    expect(sources).toMatchObject({
      name: ['env', 'SHOAL_NAME'],
      exit: ['flag', '--exit'],
      'peer.port': ['file', 'agent.yaml:2:15'],
      'peer.host': ['default', undefined],
    });
  });

  it('are absent when a variable is empty: absent is not zero', () => {
    expect(agent({ yaml: MINIMAL, env: { SHOAL_PEER_PORT: '' } }).config.peer.port).toBe(7610);
  });

  it('have zero for zero', () => {
    const { config } = agent({ yaml: `${MINIMAL}peer: { port: 0 }\nlimits: { upload: 0 B/s }` });
    expect([config.peer.port, config.limits.upload, config.limits.download]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
  });

  it('are rates with units', () => {
    const env = { SHOAL_LIMITS_DOWNLOAD: '200 Mbit/s' };
    const { config } = agent({ yaml: `${MINIMAL}limits: { upload: 60 MB/s }`, env });
    expect(config.limits).toEqual({ upload: 60_000_000, download: 25_000_000 });
  });

  it('are budgets: sizes, parts of the volume, or none', () => {
    const budgetOf = (yaml: string) => agent({ yaml: `${MINIMAL}${yaml}` }).config.cache.budget;
    expect(budgetOf('')).toEqual({ percent: 20 });
    expect(budgetOf('cache: { budget: 80 GB }')).toEqual({ bytes: 80e9 });
    expect(budgetOf('cache: { budget: 1.5TiB }')).toEqual({ bytes: 1.5 * 1024 ** 4 });
    expect(budgetOf('cache: { budget: 7.5 % }')).toEqual({ percent: 7.5 });
    expect(budgetOf('cache: { budget: unlimited }')).toBe('unlimited');
    for (const wrong of ['80', '0 GB', '0 %', '101 %', '80 Gbit', '-1 GB', 'all', 'null'])
      expect(faultsOf(() => budgetOf(`cache: { budget: ${wrong} }`))).toEqual([
        expect.stringMatching(
          /^agent\.yaml:2:\d+: cache\.budget .*such as "80 GB", a part of the volume such as "20 %"/,
        ),
      ]);
  });

  it('are labels from a variable', () => {
    expect(agent({ yaml: MINIMAL, env: { SHOAL_LABELS: 'zone=a,rack=7' } }).config.labels).toEqual({
      zone: 'a',
      rack: '7',
    });
  });

  it('may be without a control API', () => {
    const { config } = agent({ yaml: `${MINIMAL}control: false` });
    expect(config.control.enabled).toBe(false);
    expect(agent({ yaml: MINIMAL }).config.control).toEqual({ enabled: true, host: '127.0.0.1', port: 7621 });
  });

  it('name files from the folder of the config file, or from where a flag was given', () => {
    const sources = sourcesOf('agent.yaml', { flags: { tracker: undefined, archiveFolder: 'out' } });
    const file = fileIn(temporaryFolder(), 'agent.yaml', 'tracker: { url: "https://t", tokenFile: join.token }');
    const { config } = loadConfig(agentConfigFile(LINUX), { ...sources, file });
    expect(config.tracker.tokenFile).toBe(file.replace(/agent\.yaml$/, 'join.token'));
    expect(config.archive.folder).toContain(sources.cwd);
  });

  it('have defaults of their own on Linux and on Windows', () => {
    const windows = { platform: 'win32' as const };
    expect(agent({ yaml: MINIMAL }).config).toMatchObject({ name: 'web-1', dataDir: '/var/lib/shoal/agent' });
    const env = { ProgramData: 'D:\\Data' };
    expect(agent({ yaml: MINIMAL, host: windows, env }).config.dataDir).toBe('D:\\Data\\shoal\\agent');
    expect(tracker({ yaml: 'insecure: true' }).config.dataDir).toBe('/var/lib/shoal/tracker');
    expect(tracker({ yaml: 'insecure: true', host: windows }).config.dataDir).toBe('C:\\ProgramData\\shoal\\tracker');
  });
});

describe('a command that needs single values', () => {
  it('takes them from settings that have faults elsewhere', () => {
    const sources = sourcesOf('tracker.yaml', { yaml: 'dataDir: data\nlisten: { port: x }' });
    const value = peekConfig(trackerConfigFile(LINUX), sources, ['dataDir']);
    expect(String(value('dataDir'))).toMatch(/data$/);
  });

  it('is refused when those have faults', () => {
    const sources = sourcesOf('tracker.yaml', { yaml: 'dataDir: 5' });
    expect(faultsOf(() => peekConfig(trackerConfigFile(LINUX), sources, ['dataDir']))).toHaveLength(1);
  });
});
