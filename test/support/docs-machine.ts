/**
 * What the examples of the pages take for granted, on a machine to throw away: the registry harbor.example.com with
 * images, a Docker Engine, the names. And who types the blocks of the pages there, word for word.
 */
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Block, blocksOf, commandsOf, linesOf, pages, shoalArguments } from '../repo/commands.ts';
import { cleanUpAfter } from './cleanup.ts';
import { makeImage, type TestImage } from './image.ts';
import { bootMachine, type Machine, type ShellOptions } from './machine.ts';
import type { Service } from './process.ts';
import { HTPASSWD, ROBOT } from './token-service.ts';

export const HARBOR = 'harbor.example.com';
export const TRACKER = 'https://tracker.example.com:7600';
/** Where the clone is on the machine, to be written to at will. */
export const CLONE = '/srv/clone';
const OWN_CLONE = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'web-1';
const REGISTRY_URL = 'http://127.0.0.1:5000';
const NAMES = [HARBOR, 'tracker.example.com', 'shoal.example.com', 'marathon.example.com', 'mesos.example.com'];
const MIB = 1 << 20;

/** Settings that the pages leave to the reader. */
export const TRACKER_SETTINGS = {
  tls: { cert: '/etc/shoal/tracker.crt', key: '/etc/shoal/tracker.key', ca: '/etc/shoal/ca.pem' },
  registries: [
    { host: HARBOR, url: REGISTRY_URL, username: ROBOT.username, passwordFile: '/etc/shoal/harbor.password' },
  ],
};
export const AGENT_SETTINGS = {
  tracker: { url: TRACKER, tokenFile: '/etc/shoal/join.token', ca: '/etc/shoal/ca.pem' },
  peer: { port: 7611 }, // 7610 is the seeder's of the same machine
  proxy: true,
  registries: [{ host: HARBOR, url: REGISTRY_URL }],
  labels: { env: 'prod', pool: 'batch' },
};

export interface DocsMachine extends Machine {
  image: TestImage;
  /** What it listens on in there is answered by what we listen on here. */
  letIn(listen: string, to: { port: number } | { path: string }): Promise<void>;
}

export async function startDocsMachine(): Promise<DocsMachine> {
  const small = { baseBytes: 4 * MIB, middleBytes: MIB };
  const [image, windows] = await Promise.all([
    makeImage(small),
    makeImage({ ...small, line: 'a base', platform: { os: 'windows', 'os.version': '10.0.20348.2113' } }),
  ]);
  const images = { '/srv/images/app': image.layout, '/srv/images/windows': windows.layout };
  const machine = await bootMachine({ folders: { ...images, ...runtimeFolders(), [CLONE]: OWN_CLONE } });
  await machine.write('/etc/hosts', `127.0.0.1 localhost ${NAME} ${NAMES.join(' ')}\n`);
  await machine.run('hostname', NAME);
  await startEngine(machine);
  await startHarbor(machine);
  for (const name of ['app:1', 'app:2', 'app:7', 'private:1']) await push(machine, 'app', `team/${name}`);
  for (const tag of ['ltsc2016', 'ltsc2022']) await push(machine, 'windows', `win/servercore:${tag}`);
  return { ...machine, image, letIn: (listen, to) => openGate(machine, listen, to) };
}

/** Node, where it is none of the system's. */
function runtimeFolders(): Record<string, string> {
  const prefix = dirname(dirname(process.execPath));
  return prefix.startsWith('/usr') ? {} : { '/usr/local': prefix };
}

async function startEngine(machine: Machine): Promise<void> {
  const alone = { bridge: 'none', iptables: false, ip6tables: false, 'ip-forward': false };
  await machine.write('/etc/docker/daemon.json', JSON.stringify(alone));
  await done(machine, 'systemctl start docker');
}

async function startHarbor(machine: Machine): Promise<void> {
  const config = {
    version: '0.1',
    storage: { filesystem: { rootdirectory: '/srv/registry' } },
    http: { addr: '127.0.0.1:5000', secret: 'test' },
    auth: { htpasswd: { realm: 'test', path: '/srv/htpasswd' } },
  };
  await machine.write('/srv/htpasswd', HTPASSWD);
  await machine.write('/srv/registry.yml', JSON.stringify(config)); // JSON is YAML
  await machine.start('exec docker-registry serve /srv/registry.yml').line(/listening on/);
}

async function push(machine: Machine, layout: string, name: string): Promise<void> {
  const flags = `--insecure-policy copy --dest-tls-verify=false --dest-creds '${ROBOT.username}:${ROBOT.password}'`;
  await done(machine, `skopeo ${flags} oci:/srv/images/${layout} docker://127.0.0.1:5000/${name}`);
}

/** As root of `/etc/shoal`, once the package has made the account. */
export async function writeSettings(machine: Machine, daemon: 'tracker' | 'agent', settings: object): Promise<void> {
  await machine.write(`/etc/shoal/${daemon}.yaml`, JSON.stringify(settings)); // JSON is YAML
}

/** But for the tracker's certificate and key, which are there already: the certificate is its own authority. */
export async function writeSecrets(machine: Machine): Promise<void> {
  await machine.write('/etc/shoal/harbor.password', ROBOT.password, 0o640);
  await done(machine, 'cp /etc/shoal/tracker.crt /etc/shoal/ca.pem && chgrp shoal /etc/shoal/harbor.password');
}

/** The stdout of lines that must end well. */
export async function done(machine: Machine, script: string, options: ShellOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await machine.sh(script, options);
  if (code !== 0) throw new Error(`${script}\nended with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}

const GATE = `require('net').createServer((socket) => {
  const far = require('net').connect(process.argv[1]);
  for (const [one, other] of [[socket, far], [far, socket]]) one.on('error', () => other.destroy()).pipe(other);
}).listen(/^\\d+$/.test(process.argv[2]) ? Number(process.argv[2]) : process.argv[2], () => console.log('open'))`;

/** Through a socket file that both see: their networks have nothing in common. */
async function openGate(machine: Machine, listen: string, to: { port: number } | { path: string }): Promise<void> {
  const name = `${listen.replaceAll('/', '-')}.sock`;
  const server = createServer((socket) => {
    const far = 'port' in to ? connect(to.port, '127.0.0.1') : connect(to.path);
    socket.on('error', () => far.destroy()).pipe(far);
    far.on('error', () => socket.destroy()).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(join(machine.srv, name), resolve));
  cleanUpAfter(() => void server.close());
  await machine.start(`exec node -e "$GATE" /srv/${name} ${listen}`, { env: { GATE } }).line(/open/);
}

export interface Typing extends ShellOptions {
  /** What a person does after a line: by words of that line. */
  after?: Record<string, () => Promise<unknown>>;
  /** What stands for something else: by the words of the page. */
  instead?: Record<string, string | (() => string | Promise<string>)>;
}

export interface Typed {
  /** Of each line that ended. */
  stdout: string[];
  /** Of each line that stays, when it was ready. */
  services: Service[];
}

export interface Typist {
  /** Types the first block of a page that has these words and was not typed yet. */
  type(page: string, words: string, options?: Typing): Promise<Typed>;
  /** Blocks that the pages do not mark as not run and nobody typed. */
  left(): string[];
}

/** `elsewhere`: lines that other tests run. */
export function typistAt(machine: Machine, elsewhere: readonly string[]): Typist {
  const blocks = new Set<Block>(
    pages()
      .flatMap((page) => blocksOf(page))
      // test/matrix/compose.test.ts runs those of the compose files.
      .filter(({ page, notRun }) => notRun === undefined && !page.startsWith('docker/compose')),
  );
  return {
    left: () => [...blocks].map(({ page, text }) => `${page}: ${text}`),
    async type(page, words, options = {}) {
      const block = [...blocks].find((one) => one.page === page && one.text.includes(words));
      if (block === undefined) throw new Error(`${page} has no block with: ${words}`);
      blocks.delete(block);
      return typeLines(
        machine,
        linesOf(block).filter((line) => !elsewhere.some((other) => line.startsWith(other))),
        options,
      );
    },
  };
}

async function typeLines(machine: Machine, lines: string[], options: Typing): Promise<Typed> {
  const { after = {}, instead = {}, ...shell } = options;
  const typed: Typed = { stdout: [], services: [] };
  let exports = '';
  for (const line of lines) {
    let text = line;
    for (const [words, other] of Object.entries(instead))
      if (text.includes(words)) text = text.replaceAll(words, typeof other === 'string' ? other : await other());
    if (text.startsWith('export ')) exports += `${text}\n`;
    else if (stays(line)) typed.services.push(await startLine(machine, exports, { text, shell }));
    else typed.stdout.push(await done(machine, exports + text, shell));
    for (const [words, work] of Object.entries(after)) if (line.includes(words)) await work();
  }
  return typed;
}

/** A daemon in the foreground. */
function stays(line: string): boolean {
  const [verb] = shoalArguments(commandsOf(line).at(-1) ?? []) ?? [];
  return verb === 'tracker' || verb === 'agent';
}

async function startLine(
  machine: Machine,
  exports: string,
  { text, shell }: { text: string; shell: ShellOptions },
): Promise<Service> {
  const service = machine.start(exports + text.replace(/^(.*&& )?/s, '$1exec '), shell);
  await service.line(/ready: peers on port|ready at/);
  return service;
}
