/**
 * Whether containerd's own settings make its CRI plugin (Kubernetes) read hosts.toml files, and where. The file is
 * somebody's work and is never edited: what is missing is said line by line. Pure.
 */
import { tableAt, tomlIn } from './toml-file.ts';

export const CERTS_DIR = '/etc/containerd/certs.d';
const OLD_PLUGIN = 'io.containerd.grpc.v1.cri';

/** For a host without any; containerd 2 reads this version, too. */
export const NEW_CONFIG = `# Written by \`shoal setup containerd\`; \`shoal setup --undo containerd\` takes it away.
version = 2

[plugins."${OLD_PLUGIN}".registry]
  config_path = "${CERTS_DIR}"
`;

export interface ContainerdConfig {
  /** Where it looks for hosts.toml files. */
  certsDir: string;
  /** Lines to add by hand, without which the CRI plugin reads none. */
  missing?: string;
}

/** Throws CliError BAD_HOST_FILE. */
export function readContainerdConfig(text: string, path: string): ContainerdConfig {
  const config = tomlIn(text, path);
  const version = Number(config.version ?? 1);
  const plugins = tableAt(config, 'plugins');
  const registries = [
    ['io.containerd.cri.v1.images', 'registry'],
    [OLD_PLUGIN, 'registry'],
    ['cri', 'registry'],
  ].map((names) => tableAt(plugins, ...names));
  const given = registries.map(({ config_path }) => config_path).find((one) => typeof one === 'string' && one !== '');
  if (typeof given === 'string') {
    // Several are asked in order, as in PATH.
    const folders = given.split(':').filter((folder) => folder.startsWith('/'));
    return { certsDir: folders.includes(CERTS_DIR) ? CERTS_DIR : (folders[0] ?? CERTS_DIR) };
  }
  const plugin = version >= 3 ? '"io.containerd.cri.v1.images"' : version === 2 ? `"${OLD_PLUGIN}"` : 'cri';
  const old = registries.some(({ mirrors }) => mirrors !== undefined)
    ? ', and remove the registry.mirrors there, which containerd refuses beside it'
    : '';
  const missing = `[plugins.${plugin}.registry] config_path = "${CERTS_DIR}"${old}`;
  return { certsDir: CERTS_DIR, missing };
}
