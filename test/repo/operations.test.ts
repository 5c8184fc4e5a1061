/** docs/operations.md: what it tells people to write is what Shoal reads, under the names and ports it has. */
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { fileIn, temporaryFolder, testIo } from '../../packages/cli/src/cli.testkit.ts';
import { agentConfigFile } from '../../packages/cli/src/config/agent-config.ts';
import { type ConfigFile, loadConfig } from '../../packages/cli/src/config/config-file.ts';
import { trackerConfigFile } from '../../packages/cli/src/config/tracker-config.ts';
import { createProgram } from '../../packages/cli/src/program.ts';
import { hostsTomlWith } from '../../packages/cli/src/setup/hosts-toml.ts';
import { readText } from './source.ts';

const HOST = { platform: 'linux' as const, env: {}, hostName: 'node-1' };
const PAGE = readText('docs/operations.md') ?? '';
const AGENT = agentConfigFile(HOST);

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text);
}

/** The YAML block whose first line says this, as values. */
function yaml(firstLine: string): unknown[] {
  const text = blocks('yaml').find((block) => block.startsWith(firstLine)) ?? '';
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
}

function load<T>(spec: ConfigFile<T>, text: string, env: Record<string, string> = {}): T {
  const folder = temporaryFolder();
  const sources = { host: { ...HOST, env }, cwd: folder, file: fileIn(folder, 'settings.yaml', text), flags: {} };
  return loadConfig(spec, sources).config;
}

describe('docs/operations.md', () => {
  it('has no YAML but what these tests read', () => {
    const heads = blocks('yaml').map((block) => block.split('\n')[0]);
    expect(heads.map((head) => head?.slice(0, 14))).toEqual([
      '# tracker.yaml',
      '# agent.yaml',
      '# The join tok',
      '# docker stack',
    ]);
  });

  it('shows settings that daemons take', () => {
    const [tracker = '', agent = ''] = blocks('yaml');
    expect(load(trackerConfigFile(HOST), tracker)).toMatchObject({ marathon: [{ prewarm: { priority: 10 } }] });
    expect(load(AGENT, agent)).toMatchObject({ labels: { rack: 'r1', build: '20348' } });
  });

  it('shows verbs and options that there are', () => {
    const program = createProgram(testIo());
    const lines =
      blocks('sh')
        .join('\n')
        .match(/\bshoal [a-z].*?(?= &&|$)/gm) ?? [];
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      const verb = program.commands.find((command) => command.name() === line.split(' ')[1]);
      for (const option of line.match(/--[a-z-]+/g) ?? [])
        expect(
          verb?.options.map(({ long }) => long),
          line,
        ).toContain(option);
    }
  });
});

describe('the DaemonSet', () => {
  const [configMap, daemonSet] = yaml('# The join token') as [
    { data: Record<string, string> },
    { spec: { template: { spec: PodSpec } } },
  ];
  const { containers, volumes, hostNetwork } = daemonSet.spec.template.spec;
  const [{ image, args, env, ports, volumeMounts }] = containers;
  const settings = () =>
    load(AGENT, configMap.data['agent.yaml'] ?? '', { SHOAL_LABELS: 'pool=batch', SHOAL_NAME: 'node-7' });

  it('runs the agent with settings that it takes, in its folders', () => {
    const config = settings();
    expect(image).toMatch(/\/shoal-agent:/);
    const mounted = volumeMounts.map(({ mountPath }) => mountPath);
    expect(args).toEqual(['agent', '--config', mounted[0]]);
    expect(mounted).toContain(config.dataDir);
    expect(mounted.some((path) => config.tracker.tokenFile?.startsWith(`${path}/`))).toBe(true);
    expect(volumeMounts.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name));
    expect(config).toMatchObject({
      name: 'node-7',
      labels: { pool: 'batch' },
      exit: 'cache',
      proxy: { enabled: true },
    });
  });

  it('sets variables that there are, and shows the ports that the agent has', () => {
    const config = settings();
    const known = AGENT.keys.map((key) => key.env);
    for (const { name } of env) expect(known).toContain(name);
    expect(env.find(({ name }) => name === 'SHOAL_LABELS')?.value).toBe('pool=batch');
    expect(ports.map(({ containerPort }) => containerPort)).toEqual([config.peer.port]);
    expect(hostNetwork).toBe(true);
  });

  it('goes with the hosts.toml that shoal setup containerd writes', () => {
    const config = settings();
    const proxyUrl = `http://127.0.0.1:${config.proxy.port}`;
    const host = config.registries[0]?.host ?? '';
    const written = hostsTomlWith(undefined, { host, proxyUrl }, 'hosts.toml');
    const plain = (text: string) => text.replace(/^#.*\n/gm, '').trim();
    expect(plain(blocks('toml')[0] ?? '')).toBe(plain(written));
  });
});

describe('the global service', () => {
  const [stack] = yaml('# docker stack') as [{ services: { agent: Service }; secrets: object }];
  const { image, command, environment, secrets, volumes, deploy } = stack.services.agent;

  it('runs the agent with variables that there are, in its folders', () => {
    expect(image).toMatch(/\/shoal-agent:/);
    expect(command).toEqual(['agent']);
    expect(deploy.mode).toBe('global');
    const config = load(AGENT, '{}', environment);
    for (const name of Object.keys(environment)) expect(AGENT.keys.map((key) => key.env)).toContain(name);
    expect(config.tracker.tokenFile).toBe(`/run/secrets/${secrets[0]}`);
    expect(Object.keys(stack.secrets)).toEqual(secrets);
    expect(volumes).toContain(`${config.dataDir}:${config.dataDir}`);
    expect(config).toMatchObject({ labels: { pool: 'batch' }, exit: 'engine' });
  });
});

interface PodSpec {
  hostNetwork: boolean;
  containers: [
    {
      image: string;
      args: string[];
      env: { name: string; value?: string }[];
      ports: { containerPort: number }[];
      volumeMounts: { name: string; mountPath: string }[];
    },
  ];
  volumes: { name: string }[];
}

interface Service {
  image: string;
  command: string[];
  environment: Record<string, string>;
  secrets: string[];
  volumes: string[];
  deploy: { mode: string };
}
