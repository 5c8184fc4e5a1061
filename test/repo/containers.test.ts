/**
 * docker/: what the files run is what the images have, under the names, ports and folders of Shoal, and each host mounts
 * what it must. The images themselves: test/matrix/images.test.ts and compose.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { fileIn, temporaryFolder } from '../../packages/cli/src/cli.testkit.ts';
import { agentConfigFile } from '../../packages/cli/src/config/agent-config.ts';
import { type ConfigFile, loadConfig } from '../../packages/cli/src/config/config-file.ts';
import { trackerConfigFile } from '../../packages/cli/src/config/tracker-config.ts';
import { hostsTomlWith } from '../../packages/cli/src/setup/hosts-toml.ts';
import { workloadsIn } from '../../packages/tracker/src/marathon/workloads.ts';
import { readText } from './source.ts';

const HOST = { platform: 'linux' as const, env: {}, hostName: 'node-1' };
const AGENT = agentConfigFile(HOST);
const TRACKER = trackerConfigFile(HOST);
const SOCKET = '/var/run/docker.sock';

function text(name: string): string {
  const found = readText(name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

function documents<T>(name: string): T[] {
  return parseAllDocuments(text(`docker/${name}`), { merge: true }).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as T;
  });
}

/** What a daemon makes of these settings; throws where it would not start. */
function load<T>(spec: ConfigFile<T>, settings: string, env: Record<string, string> = {}): T {
  const known: string[] = spec.keys.flatMap((key) => key.env ?? []);
  for (const name of Object.keys(env)) expect(known).toContain(name);
  const sources = { cwd: temporaryFolder(), flags: {} };
  return loadConfig(spec, { ...sources, host: { ...HOST, env }, file: fileIn(sources.cwd, 's.yaml', settings) }).config;
}

/** `FROM a AS b` of the Dockerfile. */
function stages(): string[] {
  return [...text('docker/Dockerfile').matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name = '']) => name);
}

/** The lines of a stage. */
function stage(name: string): string {
  return (
    text('docker/Dockerfile')
      .split(/^(?=FROM )/m)
      .find((part) => part.startsWith('FROM') && part.includes(` AS ${name}\n`)) ?? ''
  );
}

describe('the Dockerfile', () => {
  it('ends in a stage for each daemon, with the ports it has and a health check', () => {
    expect(stages()).toEqual(['build', 'shoal', 'tracker', 'agent']);
    const { listen, seeder } = load(TRACKER, 'insecure: true');
    const { peer } = load(AGENT, 'tracker: { url: "https://t:7600", token: x }');
    expect(stage('tracker')).toContain(`EXPOSE ${listen.port} ${seeder.peer.port}\n`);
    expect(stage('agent')).toContain(`EXPOSE ${peer.port}\n`);
    for (const daemon of ['tracker', 'agent'])
      expect(stage(daemon)).toMatch(new RegExp(`^HEALTHCHECK .*"${daemon}"]$`, 'm'));
    expect(stage('tracker')).toContain('USER 7600:7600');
  });

  it('probes the ports that the daemons have', () => {
    const ports = [...text('docker/probe.mjs').matchAll(/process\.env\.(\w+) \?\? (\d+)/g)];
    const tracker = load(TRACKER, 'insecure: true');
    const agent = load(AGENT, 'tracker: { url: "https://t:7600", token: x }');
    expect(ports.map(([, name, port]) => [name, Number(port)])).toEqual([
      ['SHOAL_LISTEN_PORT', tracker.listen.port],
      ['SHOAL_CONTROL_PORT', agent.control.port],
    ]);
    const names = [...TRACKER.keys, ...AGENT.keys].map((key) => key.env);
    for (const [, name] of ports) expect(names).toContain(name);
  });
});

describe('compose.yaml', () => {
  const [{ services, volumes }] = documents<Compose>('compose.yaml') as [Compose];

  it('has a registry, a tracker with its seeder, two agents and the job', () => {
    expect(Object.keys(services)).toEqual(['registry', 'tokens', 'tracker', 'agent-1', 'agent-2', 'job']);
    expect(services.tracker?.command).toContain('--seeder');
    for (const { build, image } of Object.values(services)) if (build) expect(image).toBe(`shoal-${build.target}`);
  });

  it('has each image built by one service, and no other ask a registry for it', () => {
    // Version 2 builds side by side: two that write the same image fail each other, on a machine that never built it.
    const all = Object.values(services).filter(({ image }) => image.startsWith('shoal-'));
    const built = all.filter(({ build }) => build);
    expect(built.map(({ image }) => image).sort()).toEqual(['shoal-agent', 'shoal-tracker']);
    for (const { build, pull_policy: policy } of all) expect(policy).toBe(build ? undefined : 'never');
  });

  it('gives the daemons settings that they take', () => {
    const tracker = load(TRACKER, text('docker/tracker.yaml'), services.tracker?.environment);
    expect(tracker).toMatchObject({ insecure: true, registries: [{ host: 'localhost:5000' }] });
    const agents = ['agent-1', 'agent-2'].map((name) => load(AGENT, '{}', services[name]?.environment));
    expect(agents).toMatchObject([
      { name: 'agent-1', exit: 'engine', tracker: { url: `http://tracker:${tracker.listen.port}` } },
      { name: 'agent-2', exit: 'cache' },
    ]);
    expect(services['agent-1']?.volumes).toContain(`${SOCKET}:${SOCKET}`);
  });

  it('declares each volume that it uses, and shares the tokens of agents only', () => {
    const used = Object.values(services).flatMap((service) => service.volumes ?? []);
    const named = used.map((volume) => volume.split(':')[0] ?? '').filter((name) => !/[./]/.test(name));
    expect([...new Set(named)].sort()).toEqual(Object.keys(volumes).sort());
    for (const name of ['agent-1', 'agent-2']) expect(services[name]?.volumes?.join()).not.toContain('tracker:');
  });
});

describe('compose.harbor.yaml', () => {
  const [{ services }] = documents<Compose>('compose.harbor.yaml') as [Compose];

  it('runs the tracker of the settings beside it, on ports that Harbor has not', () => {
    const { environment = {}, ports = [], command, volumes } = services.tracker ?? {};
    // Compose puts the operator's value in, and refuses to start without one.
    const given = Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/^\$\{SHOAL_HOST:\?.*}$/, 'harbor.example.com'),
    ]);
    const config = load(TRACKER, text('docker/tracker.harbor.yaml'), Object.fromEntries(given));
    expect(config.seeder.peer.advertiseHost).toBe('harbor.example.com');
    expect(ports).toEqual([config.listen.port, config.seeder.peer.port].map((port) => `${port}:${port}`));
    expect(command).toEqual(['tracker', '--seeder']);
    const files = [config.tls?.cert, config.tls?.key, config.registries[0]?.passwordFile];
    for (const file of files) expect(file).toMatch(/^\/etc\/shoal\//);
    expect(volumes).toContain('/etc/shoal:/etc/shoal:ro');
  });
});

describe('kubernetes.yaml', () => {
  const all = documents<KubernetesObject>('kubernetes.yaml');
  const one = <T>(kind: string, name: string): T => {
    const found = all.find((object) => object.kind === kind && object.metadata.name === name);
    if (found === undefined) throw new Error(`no ${kind} ${name}`);
    return found as T;
  };
  const podOf = (kind: string, name: string) => one<Workload>(kind, name).spec.template.spec;
  const settingsOf = (name: string, file: string) =>
    one<{ data: Record<string, string> }>('ConfigMap', name).data[file] ?? '';
  const agentConfig = () =>
    load(AGENT, settingsOf('shoal-agent', 'agent.yaml'), { SHOAL_LABELS: 'pool=batch', SHOAL_NAME: 'node-7' });

  it.each([
    ['Deployment', 'shoal-tracker', 'tracker'],
    ['DaemonSet', 'shoal-agent-batch', 'agent'],
  ])('the %s selects its own pods, and mounts what it has', (kind, name, daemon) => {
    const { selector, template } = one<Workload>(kind, name).spec;
    expect(template.metadata.labels).toEqual(selector.matchLabels);
    const { containers, volumes } = template.spec;
    const [{ image, args, volumeMounts }] = containers;
    expect(image).toMatch(new RegExp(`/shoal-${daemon}:`));
    expect(args.slice(0, 3)).toEqual([daemon, '--config', volumeMounts[0]?.mountPath]);
    expect(volumeMounts.map((mount) => mount.name)).toEqual(volumes.map((volume) => volume.name));
    for (const { configMap, persistentVolumeClaim: claim } of volumes) {
      if (configMap) one('ConfigMap', configMap.name);
      if (claim) one('PersistentVolumeClaim', claim.claimName);
    }
  });

  it('the tracker reads files that are mounted, and is asked where it listens', () => {
    const config = load(TRACKER, settingsOf('shoal-tracker', 'tracker.yaml'));
    const [{ ports, volumeMounts, readinessProbe }] = podOf('Deployment', 'shoal-tracker').containers;
    const isMounted = (file = '') => volumeMounts.some(({ mountPath }) => file.startsWith(`${mountPath}/`));
    for (const file of [config.tls?.cert, config.tls?.key, config.registries[0]?.passwordFile, config.dataDir])
      expect(isMounted(file), file).toBe(true);
    expect(ports.map(({ containerPort }) => containerPort)).toEqual([config.listen.port, config.seeder.peer.port]);
    expect(readinessProbe?.httpGet).toMatchObject({ path: '/healthz', port: 'api', scheme: 'HTTPS' });
    const service = one<{ spec: { selector: object; ports: { port: number }[] } }>('Service', 'shoal-tracker').spec;
    expect(service.selector).toEqual(one<Workload>('Deployment', 'shoal-tracker').spec.selector.matchLabels);
    expect(agentConfig().tracker.url).toBe(`https://shoal-tracker.shoal.svc:${service.ports[0]?.port}`);
  });

  it('the agent runs with settings that it takes, in its folders, on the node’s network', () => {
    const config = agentConfig();
    const { containers, hostNetwork, dnsPolicy } = podOf('DaemonSet', 'shoal-agent-batch');
    const [{ env = [], ports, volumeMounts }] = containers;
    const mounted = volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounted).toContain(config.dataDir);
    for (const file of [config.tracker.tokenFile, config.tracker.ca])
      expect(mounted.some((path) => file?.startsWith(`${path}/`))).toBe(true);
    expect(config).toMatchObject({
      name: 'node-7',
      labels: { pool: 'batch' },
      exit: 'cache',
      proxy: { enabled: true },
    });
    expect(env.map(({ name }) => name)).toEqual(['SHOAL_NAME', 'SHOAL_LABELS']);
    expect(env.find(({ name }) => name === 'SHOAL_LABELS')?.value).toBe('pool=batch');
    expect(ports.map(({ containerPort }) => containerPort)).toEqual([config.peer.port]);
    expect({ hostNetwork, dnsPolicy }).toEqual({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
  });

  it('goes with the hosts.toml that shoal setup containerd writes, as docs/operations.md shows it', () => {
    const config = agentConfig();
    const proxyUrl = `http://127.0.0.1:${config.proxy.port}`;
    const written = hostsTomlWith(undefined, { host: config.registries[0]?.host ?? '', proxyUrl }, 'hosts.toml');
    const [, shown = ''] = /^```toml\n([\s\S]*?)^```/m.exec(text('docs/operations.md')) ?? [];
    const plain = (toml: string) => toml.replace(/^#.*\n/gm, '').trim();
    expect(plain(shown)).toBe(plain(written));
  });
});

describe('stack.yaml', () => {
  it('runs an agent on every node, with variables that there are, in its folders', () => {
    const [stack] = documents<{ services: { agent: StackService }; secrets: object }>('stack.yaml');
    const { image, command, environment, secrets, volumes, deploy } = (stack as NonNullable<typeof stack>).services
      .agent;
    expect(image).toMatch(/\/shoal-agent:/);
    expect(command).toEqual(['agent']);
    expect(deploy.mode).toBe('global');
    const config = load(AGENT, '{}', environment);
    expect(config.tracker.tokenFile).toBe(`/run/secrets/${secrets[0]}`);
    expect(Object.keys(stack?.secrets ?? {})).toEqual(secrets);
    expect(volumes).toEqual([`${SOCKET}:${SOCKET}`, `${config.dataDir}:${config.dataDir}`]);
    expect(config).toMatchObject({ labels: { pool: 'batch' }, exit: 'engine' });
  });
});

describe('marathon.json', () => {
  const app = JSON.parse(text('docker/marathon.json')) as MarathonApp;

  it('is an app as our reader of Marathon’s apps takes it, one a host', () => {
    expect(workloadsIn(app)).toMatchObject([{ id: '/shoal/agent', images: [app.container.docker.image] }]);
    expect(app.constraints).toEqual([['hostname', 'UNIQUE']]);
    // A second one on a host would find the port taken.
    expect(app.upgradeStrategy.maximumOverCapacity).toBe(0);
  });

  it('runs the agent with settings that it takes, on its port, with what the host must mount', () => {
    const config = load(AGENT, '{}', app.env);
    expect(app.args).toEqual(['agent']);
    expect(app.portDefinitions.map(({ port }) => port)).toEqual([config.peer.port]);
    expect(app).toMatchObject({ networks: [{ mode: 'host' }], requirePorts: true });
    const paths = app.container.volumes.map(({ containerPath }) => containerPath);
    expect(paths).toEqual(['/etc/shoal', config.dataDir, SOCKET]);
    expect(config.tracker.tokenFile).toMatch(/^\/etc\/shoal\//);
  });
});

interface Compose {
  services: Record<
    string,
    {
      image: string;
      build?: { target: string };
      pull_policy?: string;
      command?: string[];
      environment?: Record<string, string>;
      ports?: string[];
      volumes?: string[];
    }
  >;
  volumes: object;
}

interface KubernetesObject {
  kind: string;
  metadata: { name: string };
}

interface Workload extends KubernetesObject {
  spec: {
    selector: { matchLabels: object };
    template: { metadata: { labels: object }; spec: PodSpec };
  };
}

interface PodSpec {
  hostNetwork?: boolean;
  dnsPolicy?: string;
  containers: [
    {
      image: string;
      args: string[];
      env?: { name: string; value?: string }[];
      ports: { containerPort: number }[];
      readinessProbe?: { httpGet: object };
      volumeMounts: { name: string; mountPath: string }[];
    },
  ];
  volumes: { name: string; configMap?: { name: string }; persistentVolumeClaim?: { claimName: string } }[];
}

interface StackService {
  image: string;
  command: string[];
  environment: Record<string, string>;
  secrets: string[];
  volumes: string[];
  deploy: { mode: string };
}

interface MarathonApp {
  args: string[];
  constraints: string[][];
  env: Record<string, string>;
  container: { docker: { image: string }; volumes: { containerPath: string }[] };
  portDefinitions: { port: number }[];
  upgradeStrategy: { maximumOverCapacity: number };
}
