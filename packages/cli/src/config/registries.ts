/**
 * The `registries` key, which tracker.yaml and agent.yaml share: where the images of a registry's name are read.
 */
import { z } from 'zod';
import type { CrossCheck } from './config-file.ts';
import { httpUrl, listOf, path, text } from './leaf.ts';

const entry = z.strictObject({
  host: text('the registry as it stands in image references: harbor.example.com, 127.0.0.1:5000, docker.io', {
    pattern: /^[A-Za-z0-9.:[\]_-]+$/,
    sample: 'harbor.example.com',
  }),
  url: httpUrl('where it is reached, when that is not https://<host>', { sample: 'http://127.0.0.1:5000' }).optional(),
  address: text(
    'host:port to connect to, when its name leads elsewhere on this host, as with proxy.tls; it is still asked, and its certificate checked, under that name',
    { pattern: /^(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}$/, sample: '10.0.0.5:443' },
  ).optional(),
  username: text(
    'account to read with; its password comes from passwordFile or from SHOAL_REGISTRY_PASSWORD_<HOST>, the host in upper case with _ for every other character',
    { sample: 'robot$shoal' },
  ).optional(),
  passwordFile: path('file', 'file with the password, nothing else', {
    sample: '/etc/shoal/harbor.password',
  }).optional(),
  ca: path('file', 'PEM of an authority to trust for this registry', { sample: '/etc/shoal/harbor-ca.pem' }).optional(),
  layout: path('folder', 'read the images from this OCI image layout instead of a registry', {
    sample: '/srv/images/layout',
  }).optional(),
  archive: path('file', 'read the images from this docker save or OCI tar instead of a registry', {
    sample: '/srv/images/app.tar',
  }).optional(),
});

export type RegistryEntry = z.infer<typeof entry>;

export function registriesKey(description: string) {
  return listOf(entry, description).default([]);
}

/** What the keys of an entry mean together, and the entries among each other. */
export const checkRegistries: CrossCheck = ({ value, add, env }) => {
  const entries = value('registries');
  const seen = new Set<string>();
  for (const [index, entry] of (Array.isArray(entries) ? entries : []).entries()) {
    if (typeof entry !== 'object' || entry === null) continue;
    const one = entry as Entry;
    const addTo = (name: string, text: string) => add(`registries[${index}].${name}`, text);
    const host = String(one.host).toLowerCase();
    if (one.host !== undefined && seen.has(host)) addTo('host', 'is listed twice; keep one entry a registry');
    seen.add(host);
    checkPlace(one, addTo);
    checkAccount(one, addTo, env[passwordEnvOf(host)] !== undefined);
  }
};

type Entry = Partial<Record<keyof RegistryEntry, unknown>>;
type AddTo = (name: string, text: string) => void;

function checkPlace(entry: Entry, add: AddTo): void {
  const { layout, archive, ...remote } = entry;
  if (layout !== undefined && archive !== undefined) add('archive', 'cannot stand beside layout; keep one of them');
  if (layout === undefined && archive === undefined) return;
  for (const name of ['url', 'address', 'username', 'passwordFile', 'ca'] as const) {
    if (remote[name] !== undefined) add(name, 'has no meaning beside layout or archive; remove one of them');
  }
}

function checkAccount({ host, username, passwordFile }: Entry, add: AddTo, passwordInEnv: boolean): void {
  const variable = passwordEnvOf(String(host));
  if (username !== undefined && passwordFile === undefined && !passwordInEnv)
    add('username', `has no password; give passwordFile or the environment variable ${variable}`);
  if (username === undefined && passwordFile !== undefined) add('passwordFile', 'has no username; give one');
}

/** `harbor.example.com:8443` → `SHOAL_REGISTRY_PASSWORD_HARBOR_EXAMPLE_COM_8443`. */
export function passwordEnvOf(host: string): string {
  return `SHOAL_REGISTRY_PASSWORD_${host.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}
