/**
 * The files that point the Docker Engine at the proxy. It has mirrors for Docker Hub alone; all other registries it
 * reaches through an HTTPS proxy, whose certificates it trusts by certs.d. Pure.
 */
import { daemonJsonWith, hasProxiesKey } from './daemon-json.ts';
import { filesIn, type HostView, type Plan, type PlannedFile, type SetupSettings, urlOf } from './plan.ts';
import { HUB, isLoopback } from './registry-hosts.ts';
import { checkEngineEnvironment, dropInText } from './systemd-drop-in.ts';

export interface DockerParts {
  /** PEM of the proxy's authority; asked for when a registry needs it. */
  authority(): string;
  /** Undefined when nobody knows. */
  engineVersion: string | undefined;
}

const DAEMON_JSON = '/etc/docker/daemon.json';
const CERTS_DIR = '/etc/docker/certs.d';
const UNIT_FOLDER = '/etc/systemd/system/docker.service.d';
const DROP_IN = `${UNIT_FOLDER}/shoal.conf`;
/** What units of distributions read, and what wins over a drop-in. */
const ENVIRONMENT_FILES = ['/etc/default/docker', '/etc/sysconfig/docker'];
const RESTART = 'systemctl restart docker';

/** Throws CliError BAD_HOST_FILE, SETUP_CONFLICT and what `authority` throws. */
export function planDocker(settings: SetupSettings, host: HostView, parts: DockerParts): Plan {
  const proxyUrl = urlOf(settings);
  const proxied = settings.hosts.filter((one) => one !== HUB && !isLoopback(one));
  const others = filesIn(host, UNIT_FOLDER, '.conf').filter((path) => path !== DROP_IN);
  if (proxied.length > 0)
    for (const path of [...others, ...ENVIRONMENT_FILES])
      checkEngineEnvironment(host.read(path) ?? '', { proxyUrl, proxied }, path);
  const old = host.read(DAEMON_JSON);
  const byKey = knowsProxiesKey(parts.engineVersion) || hasProxiesKey(old, DAEMON_JSON);
  const mirror = settings.hosts.includes(HUB);
  const json = daemonJsonWith(old, { proxyUrl, mirror, proxied: byKey ? proxied : [] }, DAEMON_JSON);
  const files: PlannedFile[] = [];
  if (old !== undefined || json !== '') files.push({ path: DAEMON_JSON, content: json, afterwards: RESTART });
  if (proxied.length > 0 && !byKey)
    files.push({ path: DROP_IN, content: dropInText(proxyUrl), afterwards: `systemctl daemon-reload && ${RESTART}` });
  for (const one of proxied) files.push(certificateFor(one, host, parts.authority()));
  return { program: 'docker', files, notes: settings.hosts.filter(isLoopback).map((one) => aside(one, settings)) };
}

/** The key `proxies` came with Engine 23; one before refuses to start with it. */
export function knowsProxiesKey(engineVersion: string | undefined): boolean {
  return Number(/^v?(\d+)\./.exec(engineVersion ?? '')?.[1] ?? 0) >= 23;
}

/** Beside somebody else's ca.crt: the engine trusts every .crt of the folder. */
function certificateFor(registry: string, host: HostView, content: string): PlannedFile {
  const path = `${CERTS_DIR}/${registry}/ca.crt`;
  const there = host.read(path);
  const isFree = there === undefined || there === content || host.isMade(path);
  return { path: isFree ? path : `${CERTS_DIR}/${registry}/shoal.crt`, content };
}

function aside(registry: string, { place }: SetupSettings): string {
  return `the engine asks no proxy for ${registry}, which is on this host; pull it as ${place}/${registry}/NAME`;
}
