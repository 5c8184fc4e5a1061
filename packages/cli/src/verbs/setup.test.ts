import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileIn, run, type TestIoOptions, temporaryFolder } from '../cli.testkit.ts';

const AGENT_YAML = `proxy: { enabled: true, port: 7999 }
registries:
  - { host: Harbor.example.com }
  - { host: docker.io, url: "https://mirror.example.com" }
  - { host: files.example.com, layout: /srv/layout }
`;

/** A host with an agent whose proxy has been started once. */
function host(yaml = AGENT_YAML) {
  const folder = temporaryFolder();
  const [root, dataDir] = [join(folder, 'root'), join(folder, 'data')];
  mkdirSync(root);
  mkdirSync(dataDir);
  fileIn(dataDir, 'proxy-ca.crt', 'PEM\n');
  const config = fileIn(folder, 'agent.yaml', yaml);
  const place = ['--config', config, '--data-dir', dataDir, '--root', root];
  const at = (path: string) => join(root, path);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const shoal = (...args: string[]) => run(['setup', ...args, ...place]);
  return {
    shoal,
    put,
    has: (path: string) => existsSync(at(path)),
    read: (path: string) => readFileSync(at(path), 'utf8'),
    dataDir,
  };
}

describe('shoal setup', () => {
  it('reads port and registries from agent.yaml; what is a folder there is no registry', async () => {
    const { shoal, has, read } = host();
    const { code, out, err } = await shoal('podman');
    expect([code, out]).toEqual([0, '/etc/containers/registries.conf.d/shoal.conf: written, new\n']);
    expect(read('/etc/containers/registries.conf.d/shoal.conf').match(/^location = .*/gm)).toEqual([
      ...['location = "harbor.example.com"', 'location = "127.0.0.1:7999/harbor.example.com"'],
      ...['location = "docker.io"', 'location = "127.0.0.1:7999/docker.io"'],
    ]);
    expect(err).toMatch(/"shoal setup --undo podman" brings them back\n$/);
    expect(has('/etc/docker')).toBe(false);
  });

  it('as a dry run shows the difference and writes nothing', async () => {
    const { shoal, put, has } = host();
    put('/etc/docker/daemon.json', '{\n  "debug": true\n}\n');
    const { code, out, err } = await shoal('docker', '--dry-run', '--engine-version', '28.5.2');
    expect(code).toBe(0);
    expect(out).toContain(
      '--- /etc/docker/daemon.json\n+++ /etc/docker/daemon.json\n {\n-  "debug": true\n+  "debug": true,\n',
    );
    expect(out).toContain('--- /dev/null\n+++ /etc/docker/certs.d/harbor.example.com/ca.crt\n+PEM\n');
    expect(err).toBe('nothing was changed (--dry-run)\n');
    expect(has('/etc/docker/certs.d')).toBe(false);
  });

  it('tells programs the same', async () => {
    const { shoal } = host();
    const json = async (...args: string[]) => JSON.parse((await shoal(...args, '--json')).out);
    const wanted = {
      program: 'docker',
      files: [{ path: '/etc/docker/daemon.json', change: 'new' }, {}, {}],
      notes: [],
    };
    const next = ['systemctl daemon-reload && systemctl restart docker'];
    expect(await json('docker', '--dry-run')).toMatchObject({ ...wanted, dryRun: true, next });
    expect(await json('docker')).toMatchObject({ ...wanted, dryRun: false, next });
    expect(await json('docker')).toMatchObject({ files: [{ change: 'none', diff: '' }, {}, {}], next: [] });
    const undone = await json('--undo');
    expect(undone).toMatchObject({ dryRun: false, files: [{ result: 'removed' }, {}, {}], next });
  });

  it('refuses to undo what somebody changed, and fails', async () => {
    const { shoal, put, read } = host();
    await shoal('podman');
    put('/etc/containers/registries.conf.d/shoal.conf', '# mine');
    const refused = await shoal('--undo', 'podman');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/shoal\.conf was changed since and is left as it is; --force brings/);
    expect(read('/etc/containers/registries.conf.d/shoal.conf')).toBe('# mine');
    expect(await shoal('--undo', '--force')).toMatchObject({ code: 0, out: expect.stringContaining('removed') });
    expect(await shoal('--undo')).toMatchObject({ code: 0, out: '', err: 'nothing to undo\n' });
  });
});

describe('shoal setup is refused', () => {
  it.each([
    [[], 'say which program: docker, containerd, podman'],
    [['cri-o'], 'Allowed choices are docker, containerd, podman'],
    [['docker', '--registries', 'harbor.example.com,../x'], '"../x" is no registry'],
    [['docker', '--engine-version', 'new'], 'A version such as 20.10.24'],
    [['docker', '--proxy-port', '0'], 'proxy.port is 0'],
    [['docker', '--proxy-port', '70000'], '--proxy-port: proxy.port is wrong'],
    [['podman', '--windows'], 'on Windows there is a setup for docker only'],
  ])('as %j', async (args, says) => {
    expect(await host().shoal(...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(says) });
  });

  it.each([
    ['registries: [{ host: h.example.com }]\n', 'this agent has no proxy: say proxy: true'],
    ['proxy: true\n', 'no registries: list them in agent.yaml'],
    ['proxy: true\nregistries: [{ host: "a b" }]\n', 'agent.yaml:2:22: registries[0].host is wrong'],
    ['proxy: true\nregistries: [{ hots: "a" }]\n', 'registries[0].hots is not a known key'],
  ])('with %j', async (yaml, says) => {
    expect(await host(yaml).shoal('podman')).toMatchObject({ code: 2, err: expect.stringContaining(says) });
  });

  it("without the proxy's authority", async () => {
    const { shoal, dataDir, has } = host();
    rmSync(join(dataDir, 'proxy-ca.crt'));
    const { code, err } = await shoal('docker');
    expect([code, err]).toEqual([1, expect.stringMatching(/proxy-ca\.crt is not there\. Start the agent once/)]);
    expect(has('/etc')).toBe(false);
  });

  it('when a file of the host is in the way', async () => {
    const { shoal, put, has } = host();
    put('/etc/docker/daemon.json', '{ "a": }');
    const { code, err } = await shoal('docker');
    expect([code, err]).toEqual([1, expect.stringContaining('/etc/docker/daemon.json:1:8: is not valid JSON')]);
    expect(has('/etc/docker/certs.d')).toBe(false);
  });
});

describe('shoal setup docker for Windows', () => {
  const script = async (args: string[], options: TestIoOptions = {}) => {
    const cwd = temporaryFolder();
    const config = fileIn(cwd, 'agent.yaml', AGENT_YAML);
    const { code, out } = await run(['setup', 'docker', '--config', config, ...args], { cwd, ...options });
    expect(code).toBe(0);
    return out;
  };

  it('prints PowerShell with the places of a Windows host', async () => {
    const out = await script(['--windows']);
    expect(out).toContain("$authority = 'C:\\ProgramData\\shoal\\agent\\proxy-ca.crt'\n");
    expect(out).toContain("$proxy = 'http://127.0.0.1:7999'\n");
    expect(out).toContain("$registries = @('harbor.example.com')\n");
    expect(out).toContain("'registry-mirrors'");
    expect(await script(['--windows', '--undo'])).toContain("$kept = 'C:\\ProgramData\\shoal\\agent\\setup\\docker'\n");
    expect(JSON.parse(await script(['--windows', '--json']))).toEqual({ script: out });
  });

  it('prints it on Windows without being asked', async () => {
    const onWindows = { platform: 'win32', env: { ProgramData: 'D:\\Data' } } as const;
    expect(await script([], onWindows)).toContain("'D:\\Data\\shoal\\agent\\proxy-ca.crt'");
  });
});
