/**
 * The `registries` key, which tracker.yaml and agent.yaml share: where the images of a registry's name are read.
 */
import { z } from 'zod';
import type { CrossCheck } from './config-file.ts';
import { hostName, httpUrl, leafMeta, listOf, path, text } from './leaf.ts';

const entry = z.strictObject({
  host: text('the registry as it stands in image references: harbor.example.com, 127.0.0.1:5000, docker.io', {
    sample: 'harbor.example.com',
  }).regex(/^[A-Za-z0-9.:[\]_-]+$/),
  url: httpUrl('where it is reached, when that is not https://<host>').optional(),
  username: text(
    'account to read with; its password comes from passwordFile or from SHOAL_REGISTRY_PASSWORD_<HOST>, the host in upper case with _ for every other character',
    { sample: 'robot$shoal' },
  ).optional(),
  passwordFile: path('file', 'file with the password, nothing else', { sample: '/etc/shoal/harbor.password' }).optional(),
  ca: path('file', 'PEM of an authority to trust for this registry', { sample: '/etc/shoal/harbor-ca.pem' }).optional(),
  layout: path('folder', 'read the images from this OCI image layout instead of a registry').optional(),
  archive: path('file', 'read the images from this docker save or OCI tar instead of a registry').optional(),
});

export type RegistryEntry = z.infer<typeof entry>;

export function registriesKey(description: string) {
  return listOf(entry, description).default([]);
}

/** What one entry's keys mean together. */
export const checkRegistries: CrossCheck = ({ value, add, env }) => {
  const seen = new Set<string>();
  const entries = value('registries');
  if (!Array.isArray(entries)) return;
  entries.forEach((one: Record<string, unknown> | null, index) => {
    if (typeof one !== 'object' || one === null) return;
    const key = (name: string) => `registries[${index}].${name}`;
    const host = String(one.host).toLowerCase();
    if (one.host !== undefined && seen.has(host)) add(key('host'), 'is listed twice; keep one entry a registry');
    seen.add(host);
    const local = ['layout', 'archive'].filter((name) => one[name] !== undefined);
    if (local.length === 2) add(key('archive'), 'cannot stand beside layout; keep one of them');
    for (const name of ['url', 'username', 'passwordFile', 'ca']) {
      if (local.length > 0 && one[name] !== undefined)
        add(key(name), `has no meaning beside ${local[0]}; remove one of them`);
    }
    const hasPassword = one.passwordFile !== undefined || env[passwordEnvOf(host)] !== undefined;
    if (one.username !== undefined && !hasPassword)
      add(key('username'), `has no password; give passwordFile or the environment variable ${passwordEnvOf(host)}`);
    if (one.username === undefined && one.passwordFile !== undefined)
      add(key('passwordFile'), 'has no username; give one');
  });
};

/** `harbor.example.com:8443` → `SHOAL_REGISTRY_PASSWORD_HARBOR_EXAMPLE_COM_8443`. */
export function passwordEnvOf(host: string): string {
  return `SHOAL_REGISTRY_PASSWORD_${host.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}
