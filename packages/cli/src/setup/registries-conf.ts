/**
 * What podman, CRI-O, skopeo and buildah are told: a drop-in of our own in registries.conf.d, the proxy as the first
 * mirror of each registry. Decides its text, and finds an entry of somebody else that it would replace. Pure.
 */
import { setupConflict } from './setup-errors.ts';
import { type Toml, tomlIn } from './toml-file.ts';

/** `place` is `127.0.0.1:7620`; the path in a mirror's location tells the proxy which registry is meant. */
export function registriesConf(hosts: readonly string[], place: string): string {
  const entries = hosts.map(
    (host) => `
[[registry]]
prefix = ${JSON.stringify(host)}
location = ${JSON.stringify(host)}

${mirrorOf(host, place).join('\n')}
`,
  );
  return `# Written by \`shoal setup podman\`; \`shoal setup --undo podman\` takes it away.\n${entries.join('')}`;
}

/** Plain HTTP, as it does not leave the host. */
function mirrorOf(host: string, place: string): string[] {
  return ['[[registry.mirror]]', `location = ${JSON.stringify(`${place}/${host}`)}`, 'insecure = true'];
}

/**
 * Which of these registries another file already has with the proxy as a mirror. containers-registries.conf.d(5): of two
 * entries with one prefix the later file's counts, as a whole; so one without it is an error. Throws CliError.
 */
export function hostsServedBy(
  text: string,
  { hosts, place }: { hosts: readonly string[]; place: string },
  path: string,
): string[] {
  const { registry = [] } = tomlIn(text, path);
  const entries = Array.isArray(registry) ? (registry as Toml[]) : [];
  const ours = entries.filter((entry) => hosts.includes(prefixOf(entry)));
  for (const entry of ours) {
    const mirrors = Array.isArray(entry.mirror) ? (entry.mirror as Toml[]) : [];
    const host = prefixOf(entry);
    if (mirrors.some(({ location }) => location === `${place}/${host}`)) continue;
    const lines = mirrorOf(host, place).join(' / ');
    throw setupConflict(path, `it has an entry for ${host}, which ours would replace; add this to it: ${lines}`);
  }
  return ours.map(prefixOf);
}

function prefixOf({ prefix, location }: Toml): string {
  return String(prefix ?? location).toLowerCase();
}
