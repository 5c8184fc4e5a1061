import { describe, expect, it } from 'vitest';
import { NEW_CONFIG } from './containerd-config.ts';
import { planContainerd } from './containerd-plan.ts';
import { commandsAfter } from './describe-setup.ts';
import { knowsProxiesKey, planDocker } from './docker-plan.ts';
import { planPodman } from './podman-plan.ts';
import { hostWith, pathsOf } from './setup.testkit.ts';

const settings = {
  hosts: ['docker.io', 'h.example:8443', '127.0.0.1:5000'],
  place: '127.0.0.1:7620',
};
const DROP_IN = '/etc/systemd/system/docker.service.d/shoal.conf';
const CA = '/etc/docker/certs.d/h.example:8443';

const docker = (
  files: Record<string, string> = {},
  changes: { version?: string; hosts?: string[]; made?: string[] } = {},
) =>
  planDocker({ ...settings, ...(changes.hosts && { hosts: changes.hosts }) }, hostWith(files, changes.made), {
    authority: () => 'PEM',
    engineVersion: changes.version,
  });

describe('docker', () => {
  it.each([undefined, '20.10.24+dfsg1', '1.13.1'])('%s gets its proxy by its environment', (version) => {
    const plan = docker({}, { version });
    expect(pathsOf(plan)).toEqual(['/etc/docker/daemon.json', DROP_IN, `${CA}/ca.crt`]);
    expect(plan.files[0]?.content).not.toContain('proxies');
    expect(commandsAfter(plan.files)).toEqual(['systemctl daemon-reload && systemctl restart docker']);
  });

  it.each(['23.0.0', '28.5.2'])('%s gets its proxy by daemon.json', (version) => {
    const plan = docker({}, { version });
    expect(pathsOf(plan)).toEqual(['/etc/docker/daemon.json', `${CA}/ca.crt`]);
    expect(plan.files[0]?.content).toContain('"https-proxy": "http://127.0.0.1:7620"');
    expect(commandsAfter(plan.files)).toEqual(['systemctl restart docker']);
  });

  it('whose daemon.json has proxies is new enough', () => {
    expect(pathsOf(docker({ '/etc/docker/daemon.json': '{"proxies":{}}' }))).not.toContain(DROP_IN);
  });

  it('with Docker Hub alone has a mirror only and asks for no authority', () => {
    const options = { authority: () => expect.unreachable(), engineVersion: undefined };
    const other = { '/etc/default/docker': 'HTTPS_PROXY=http://corp:3128\n' };
    expect(pathsOf(planDocker({ ...settings, hosts: ['docker.io'] }, hostWith(other), options))).toEqual([
      '/etc/docker/daemon.json',
    ]);
  });

  it("leaves somebody else's ca.crt and puts ours beside it; one of ours is renewed", () => {
    const file = { [`${CA}/ca.crt`]: 'THEIRS' };
    expect(pathsOf(docker(file))).toContain(`${CA}/shoal.crt`);
    expect(pathsOf(docker(file, { made: [`${CA}/ca.crt`] }))).toContain(`${CA}/ca.crt`);
    expect(pathsOf(docker({ [`${CA}/ca.crt`]: 'PEM' }))).toContain(`${CA}/ca.crt`);
  });

  it('with another proxy in a drop-in or an environment file is left alone', () => {
    for (const path of ['/etc/systemd/system/docker.service.d/http-proxy.conf', '/etc/default/docker'])
      expect(() => docker({ [path]: 'HTTPS_PROXY=http://corp:3128\n' })).toThrow(`${path}: HTTPS_PROXY`);
  });

  it('asks no proxy for a registry on its own host, and that is said', () => {
    const plan = docker({}, { hosts: ['127.0.0.1:5000'] });
    expect(plan.files).toEqual([]);
    expect(plan.notes).toEqual([expect.stringContaining('pull it as 127.0.0.1:7620/127.0.0.1:5000/NAME')]);
  });

  it('knows the key proxies from 23 on', () => {
    expect(['22.9.9', '23.0.0', 'v24.0.1', '100.0.0', 'dev', undefined].map(knowsProxiesKey)).toEqual([
      ...[false, true, true, true, false, false],
    ]);
  });
});

describe('containerd', () => {
  const CONFIG = '/etc/containerd/config.toml';

  it('without any settings gets some', () => {
    const plan = planContainerd(settings, hostWith({}));
    const folders = settings.hosts.map((host) => `/etc/containerd/certs.d/${host}/hosts.toml`);
    expect(pathsOf(plan)).toEqual([CONFIG, ...folders]);
    expect([plan.files[0]?.content, plan.notes]).toEqual([NEW_CONFIG, []]);
  });

  it('with settings of its own keeps them and is told what is missing', () => {
    const plan = planContainerd(settings, hostWith({ [CONFIG]: 'version = 2\n' }));
    expect(pathsOf(plan)).not.toContain(CONFIG);
    expect(plan.notes).toEqual([expect.stringMatching(/add to \/etc\/containerd\/config\.toml.*config_path = /)]);
  });

  it('finds a folder in the form it looks for first', () => {
    const file = '/etc/containerd/certs.d/h.example_8443_/hosts.toml';
    const plan = planContainerd(settings, hostWith({ [file]: '[host."https://m"]\n' }));
    expect(plan.files.find(({ path }) => path === file)?.content).toMatch(/7620[\s\S]*"https:\/\/m"/);
  });
});

describe('podman', () => {
  const FOLDER = '/etc/containers/registries.conf.d';

  it('gets a file of our own, whatever is in it from before', () => {
    expect(pathsOf(planPodman(settings, hostWith({ [`${FOLDER}/shoal.conf`]: 'broken' })))).toEqual([
      `${FOLDER}/shoal.conf`,
    ]);
  });

  it('is said how private images come through the mirror: each has an account of its own', () => {
    expect(planPodman(settings, hostWith({})).notes.join('\n')).toContain(
      'podman login --tls-verify=false 127.0.0.1:7620/h.example:8443',
    );
  });

  it.each(['/etc/containers/registries.conf', `${FOLDER}/000-x.conf`])('with an entry in %s is left alone', (path) => {
    const files = { [path]: '[[registry]]\nlocation = "docker.io"\n' };
    expect(() => planPodman(settings, hostWith(files))).toThrow(`${path}: it has an entry for docker.io`);
  });
});
