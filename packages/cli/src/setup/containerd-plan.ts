/** The files that point containerd at the proxy: a hosts.toml a registry, and the setting that has them read. Pure. */
import { NEW_CONFIG, readContainerdConfig } from './containerd-config.ts';
import { hostsTomlWith } from './hosts-toml.ts';
import { type HostView, type Plan, type PlannedFile, type SetupSettings, urlOf } from './plan.ts';

const CONFIG = '/etc/containerd/config.toml';

/** Throws CliError BAD_HOST_FILE, SETUP_CONFLICT. */
export function planContainerd(settings: SetupSettings, host: HostView): Plan {
  const proxyUrl = urlOf(settings);
  const old = host.read(CONFIG);
  const isOurs = old === undefined || old === NEW_CONFIG;
  const config: PlannedFile[] = isOurs
    ? [{ path: CONFIG, content: NEW_CONFIG, afterwards: 'systemctl restart containerd' }]
    : [];
  const { certsDir, missing } = readContainerdConfig(old ?? NEW_CONFIG, CONFIG);
  const hosts = settings.hosts.map((registry): PlannedFile => {
    const path = `${folderOf(registry, certsDir, host)}/hosts.toml`;
    return { path, content: hostsTomlWith(host.read(path), { host: registry, proxyUrl }, path) };
  });
  const notes =
    missing === undefined
      ? []
      : [`Kubernetes does not use it yet: add to ${CONFIG} and restart containerd: ${missing}`];
  return { program: 'containerd', files: [...config, ...hosts], notes };
}

/** containerd looks for `harbor_5000_` before `harbor:5000`, and takes the first folder there is. */
function folderOf(registry: string, certsDir: string, host: HostView): string {
  const first = `${certsDir}/${registry.replace(/:(\d+)$/, '_$1_')}`;
  return host.list(first) === undefined ? `${certsDir}/${registry}` : first;
}
