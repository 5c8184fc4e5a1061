import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { agentConfigFile } from './agent-config.ts';
import { loadConfig } from './config-file.ts';
import type { HostDefaults } from './defaults.ts';
import { configSample, configTable } from './describe-config.ts';
import { trackerConfigFile } from './tracker-config.ts';

const HOST: HostDefaults = { platform: 'linux', env: {}, hostName: 'web-1' };
const FILES = [
  ['tracker', trackerConfigFile(HOST)],
  ['agent', agentConfigFile(HOST)],
] as const;

describe.each(FILES)('the sample of %s.yaml', (_name, spec) => {
  const load = (text: string) => {
    const folder = temporaryFolder();
    return loadConfig<unknown>(spec, { host: HOST, cwd: folder, file: fileIn(folder, 'sample.yaml', text), flags: {} });
  };

  it('is a file without faults', () => {
    expect(() => load(configSample<unknown>(spec))).not.toThrow();
  });

  it('is a file without faults when all that is commented out is taken in, but for what stands instead of it', () => {
    const sample = configSample<unknown>(spec).replace(/^# +(token|secret|layout|archive|tokenFile): .*$/gm, '');
    const all = sample.replace(/^#(?=\w| {2})/gm, '');
    for (const { path, kind } of spec.keys.filter((key) => key.kind === 'list' && key.sample === undefined))
      expect(all, kind).toMatch(new RegExp(`^${path}:\\n +#.*\\n {2}- \\w+: `, 'm'));
    expect(() => load(all)).not.toThrow();
  });

  it('has an example value for every key', () => {
    const values = spec.keys.filter(({ kind }) => kind !== 'section' && kind !== 'list');
    for (const { path } of values)
      expect(configSample<unknown>(spec)).toMatch(new RegExp(`^#? *(- )?${path.slice(path.search(/\w+$/))}: \\S`, 'm'));
  });

  it('has every key with its description', () => {
    const sample = configSample<unknown>(spec);
    for (const { path, description } of spec.keys) {
      expect(sample).toContain(`${path.slice(path.lastIndexOf('.') + 1)}:`);
      expect(sample).toContain(description);
    }
  });
});

describe('the table of the docs', () => {
  it.each(FILES)('has a row for every key of %s.yaml', (_name, spec) => {
    const keys = spec.keys.filter(({ kind }) => kind !== 'section');
    const rows = configTable<unknown>(spec).trim().split('\n').slice(2);
    expect(rows.map((row) => /^\| `([^`]+)`/.exec(row)?.[1])).toEqual(keys.map(({ path }) => path));
  });

  it('names default, variable and flag', () => {
    expect(configTable(trackerConfigFile(HOST))).toContain(
      '| `listen.port` | port of the API, the sessions and the health check | 7600 | `SHOAL_LISTEN_PORT` | `--listen-port` |',
    );
  });
});

describe('shoal config', () => {
  const withToken = { env: { SHOAL_TRACKER_TOKEN: 'shoal_agent_S3CRET', SHOAL_TRACKER_URL: 'https://t:7600' } };

  it('prints the effective values with their source and no secret', async () => {
    const { code, out } = await run(['config', 'agent', '--log-level', 'debug'], withToken);
    expect(code).toBe(0);
    expect(out).toMatch(/^tracker\.url +https:\/\/t:7600 +env SHOAL_TRACKER_URL$/m);
    expect(out).toMatch(/^log\.level +debug +flag --log-level$/m);
    expect(out).toMatch(/^peer\.port +7610 +default$/m);
    expect(out).toMatch(/^tracker\.token +\(hidden\) +env SHOAL_TRACKER_TOKEN$/m);
    expect(out).not.toContain('S3CRET');
  });

  it('prints them as one object with --json', async () => {
    const { out } = await run(['config', 'agent', '--json'], withToken);
    const { file, values } = JSON.parse(out);
    expect(file).toBeNull();
    expect(values).toContainEqual({
      key: 'tracker.token',
      value: '(hidden)',
      source: 'env',
      at: 'SHOAL_TRACKER_TOKEN',
    });
    expect(values).toContainEqual({ key: 'tracker.ca', value: null, source: 'default', at: null });
    expect(out).not.toContain('S3CRET');
  });

  it('reads the file that --file or a variable names', async () => {
    const cwd = temporaryFolder();
    fileIn(cwd, 'other.yaml', 'insecure: true\nlisten: { port: 1 }');
    const byFlag = await run(['config', 'tracker', '--file', 'other.yaml'], { cwd });
    const byEnv = await run(['config', 'tracker'], { cwd, env: { SHOAL_TRACKER_CONFIG: 'other.yaml' } });
    expect(byFlag.out).toMatch(/^listen\.port +1 +file other\.yaml:2:17$/m);
    expect(byEnv.out).toBe(byFlag.out);
  });

  it('prints all faults and ends with 2', async () => {
    const cwd = temporaryFolder();
    fileIn(cwd, 'bad.yaml', 'insecure: true\nlitsen: {}\nlog: { level: loud }');
    const text = await run(['config', 'tracker', '--file', 'bad.yaml'], { cwd });
    expect(text).toMatchObject({ code: 2, out: '' });
    expect(text.err).toMatch(
      /2 faults in the settings:\n {2}bad\.yaml:2:1: litsen .*\n {2}bad\.yaml:3:15: log\.level /,
    );
    const json = await run(['config', 'tracker', '--file', 'bad.yaml', '--json'], { cwd });
    expect(JSON.parse(json.out)).toMatchObject({
      error: {
        code: 'BAD_CONFIG',
        retryable: false,
        faults: [{ at: 'bad.yaml:2:1', key: 'litsen' }, { at: 'bad.yaml:3:15' }],
      },
    });
  });
});
