/** Whether the registries of agent.yaml answer here, are trusted, and take the account they are given. */
import { createUpstream, RegistryError } from '@shoal/registry';
import { passwordEnvOf, type RegistryEntry } from '../config/registries.ts';
import { readSecretFile, remoteRegistries } from '../config/sources.ts';
import { type Finding, fault, ok } from './finding.ts';

const TIMEOUT_MS = 10_000;

export async function checkRegistries(
  entries: readonly RegistryEntry[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  return Promise.all(
    remoteRegistries(entries).map((remote) => {
      const entry = entries.find(({ host }) => host === remote.host);
      return checkRegistry(remote, accountOf(entry ?? remote, env));
    }),
  );
}

type Remote = ReturnType<typeof remoteRegistries>[number];

async function checkRegistry(remote: Remote, account: string | undefined): Promise<Finding> {
  const { host } = remote;
  const upstream = createUpstream(remote);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const answer = await upstream.request({ method: 'GET', target: '/v2/', headers: {}, signal });
    answer.discard();
    const found = `${host} answers /v2/ with ${answer.status}`;
    if (answer.status !== 200 && answer.status !== 401)
      return fault('registry', `${found}, as no registry does`, `Correct url or address of ${host} in registries.`);
    if (account === undefined) return ok('registry', `${found}; it is read without an account`);
    return judgeLogin(host, await upstream.token({ scopes: [], authorization: account, signal }));
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.code !== 'ABORTED') return fault('registry', error.message);
    const next = `See that this host may connect to it; url or address of ${host} in registries say where it is.`;
    return fault('registry', `${host} gives no answer within ${TIMEOUT_MS / 1000} s`, next);
  } finally {
    await upstream.close();
  }
}

function judgeLogin(host: string, { kind }: { kind: 'none' | 'basic' | 'token' | 'refused' }): Finding {
  if (kind === 'none') return ok('registry', `${host} answers, and asks for no account`);
  if (kind !== 'refused') return ok('registry', `${host} answers, and takes the account it is given`);
  const next = `Correct username and passwordFile (or ${passwordEnvOf(host)}) of ${host} in registries.`;
  return fault('registry', `${host} refuses the account it is given`, next);
}

function accountOf(
  { host, username, passwordFile }: Pick<RegistryEntry, 'host' | 'username' | 'passwordFile'>,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (username === undefined) return undefined;
  const password = passwordFile === undefined ? env[passwordEnvOf(host)] : readSecretFile(passwordFile);
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}
