/**
 * What a setup needs to know, from agent.yaml as `shoal agent` reads it, or from flags. Decides that nobody is pointed at
 * a proxy that does not run.
 */
import { join } from 'node:path';
import { createEngineClient, defaultEngineAddress, EngineError } from '@shoal/agent';
import { agentConfigFile } from '../config/agent-config.ts';
import { peekConfig } from '../config/config-file.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { dialledHost } from '../people/local-agent.ts';
import type { SetupSettings } from './plan.ts';
import { parseRegistryHosts } from './registry-hosts.ts';

export interface SettingFlags {
  config?: string;
  dataDir?: string;
  proxyHost?: string;
  proxyPort?: string;
  engineAddress?: string;
  registries?: string;
}

export interface AgentPlace {
  dataDir: string;
  engineAddress: string;
}

/** Written by the agent at its first start with a proxy. */
export const PROXY_CA_FILE = 'proxy-ca.crt';
const ENGINE_WAIT_MS = 5000;

/** Throws ConfigError, CliError WRONG_USAGE. */
export function readSettings(flags: SettingFlags, io: Io): SetupSettings {
  const value = peek(flags, io, ['proxy.enabled', 'proxy.host', 'proxy.port', 'proxy.default', 'registries']);
  const hosts = parseRegistryHosts(
    flags.registries?.split(',').map((name) => name.trim()) ?? remoteHosts(value('registries')),
  );
  if (hosts.length === 0)
    throw new CliError(
      'WRONG_USAGE',
      'no registries: list them in agent.yaml (--config), or give --registries harbor.example.com,docker.io.',
    );
  if (flags.registries === undefined && value('proxy.enabled') !== true)
    throw new CliError('WRONG_USAGE', 'this agent has no proxy: say proxy: true in agent.yaml and restart it.');
  const port = Number(value('proxy.port'));
  if (port === 0) throw new CliError('WRONG_USAGE', 'proxy.port is 0, another one at each start; give it a number.');
  return { hosts, place: `${dialledHost(String(value('proxy.host')))}:${port}` };
}

/** Of the agent on this host. */
export function readPlace(flags: SettingFlags, io: Io): AgentPlace {
  const value = peek(flags, io, ['dataDir', 'engine.address']);
  return {
    dataDir: String(value('dataDir')),
    engineAddress: String(value('engine.address') ?? defaultEngineAddress(io.host.platform)),
  };
}

export function proxyCaFile(dataDir: string): string {
  return join(dataDir, PROXY_CA_FILE);
}

/** Undefined when no engine answers. Throws EngineError INVALID_ADDRESS. */
export async function askEngineVersion({ engineAddress }: AgentPlace): Promise<string | undefined> {
  const engine = createEngineClient({ address: engineAddress });
  try {
    return (await engine.info(AbortSignal.timeout(ENGINE_WAIT_MS))).version;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  } finally {
    await engine.close();
  }
}

function peek({ config: file, ...flags }: SettingFlags, { host, cwd }: Io, paths: readonly string[]) {
  const { dataDir, proxyHost, proxyPort, engineAddress } = flags;
  const given = { dataDir, proxyHost, proxyPort, engineAddress };
  return peekConfig(agentConfigFile(host), { host, cwd, file, flags: given }, paths);
}

/** A registry that is a folder or an archive is none that an engine could ask. */
function remoteHosts(registries: unknown): string[] {
  const entries = registries as { host: string; layout?: string; archive?: string }[];
  return entries.filter(({ layout, archive }) => layout === undefined && archive === undefined).map(({ host }) => host);
}
