/**
 * From the `registries` of a config file to the places images are read from. Decides which entry a registry's name
 * means; how a source is read is @shoal/registry's.
 */
import { readFileSync } from 'node:fs';
import {
  createRegistrySource,
  createUpstream,
  type ImageSource,
  openArchiveSource,
  openLayoutSource,
  type RegistryOptions,
  type Upstream,
} from '@shoal/registry';
import { CliError } from '../errors.ts';
import { passwordEnvOf, type RegistryEntry } from './registries.ts';

/** `authorization`: of somebody else, shown to the registry in place of the configured account. */
export type OpenSource = (registryHost: string, authorization?: string) => Promise<ImageSource>;

export interface SourceOptions {
  /** For the passwords SHOAL_REGISTRY_PASSWORD_<HOST>. */
  env: Readonly<Record<string, string | undefined>>;
  /** Told of every byte that comes over the network. */
  onBytes?: (bytes: number) => void;
}

/** A host that is not listed is read anonymously. Throws CliError, RegistryError when a source is opened. */
export function createOpenSource(registries: readonly RegistryEntry[], options: SourceOptions): OpenSource {
  return async (registryHost, authorization) => {
    const host = registryHost.toLowerCase();
    const entry = registries.find((one) => one.host.toLowerCase() === host) ?? { host: registryHost };
    if (entry.layout !== undefined) return openLayoutSource(entry.layout);
    if (entry.archive !== undefined) return openArchiveSource(entry.archive);
    return createRegistrySource({ ...registryOptions({ ...entry, host: registryHost }, options), authorization });
  };
}

/** Registries as their own clients reach them; undefined for a host that is not listed, or that is a folder here. */
export function createOpenUpstream(registries: readonly RegistryEntry[]): (registry: string) => Upstream | undefined {
  return (registry) => {
    const entry = remoteRegistries(registries).find(({ host }) => host.toLowerCase() === registry.toLowerCase());
    return entry && createUpstream(entry);
  };
}

/** The registry that a host[:port] of an url or of a pushed image means: by its name, or by the place it is reached at. */
export function createRegistryOf(registries: readonly RegistryEntry[]): (address: string) => string | undefined {
  return (address) => {
    const wanted = address.toLowerCase();
    const places = ({ host, url, address: place }: RegistryEntry) => [host, url && new URL(url).host, place];
    const byName = registries.find(({ host }) => host.toLowerCase() === wanted);
    return (byName ?? registries.find((entry) => places(entry).some((one) => one?.toLowerCase() === wanted)))?.host;
  };
}

type RemoteRegistry = Pick<RegistryOptions, 'host' | 'url' | 'address' | 'ca'>;

/** A registry that is a folder or an archive here has no address to send anybody to. */
export function remoteRegistries(registries: readonly RegistryEntry[]): RemoteRegistry[] {
  const remote = registries.filter(({ layout, archive }) => layout === undefined && archive === undefined);
  return remote.map(({ host, url, address, ca }) => ({ host, url, address, ca: ca && readTextFile(ca) }));
}

function registryOptions(entry: RegistryEntry, { env, onBytes }: SourceOptions): RegistryOptions {
  const { host, url, address, username, passwordFile, ca } = entry;
  const password = passwordFile === undefined ? env[passwordEnvOf(host)] : readSecretFile(passwordFile);
  return {
    host,
    url,
    address,
    onBytes,
    ...(username === undefined ? {} : { username, password }),
    ca: ca === undefined ? undefined : readTextFile(ca),
  };
}

export function readTextFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const message = `${file} cannot be read (${code}); see that it exists and that this account may read it.`;
    throw new CliError('UNREADABLE_FILE', message, { cause: error });
  }
}

/** One secret and nothing else; editors end files with a line break. */
export function readSecretFile(file: string): string {
  const secret = readTextFile(file).trim();
  if (secret === '')
    throw new CliError('UNREADABLE_FILE', `${file} is empty; write the secret into it and nothing else.`);
  return secret;
}
