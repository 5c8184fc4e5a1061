/**
 * Asks the agent of this host over its control API. Decides where that is (agent.yaml) and what a failure means.
 */
import { join } from 'node:path';
import { type AgentStatus, CONTROL_TOKEN_FILE } from '@shoal/agent';
import type { Command } from 'commander';
import { agentConfigFile } from '../config/agent-config.ts';
import { peekConfig } from '../config/config-file.ts';
import { readSecretFile } from '../config/sources.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';

export interface LocalAgentFlags {
  config?: string;
  dataDir?: string;
  controlPort?: string;
}

export interface LocalAgent {
  status: AgentStatus;
  /** The authority it trusts its tracker by. */
  caFile: string | undefined;
}

const TIMEOUT_MS = 5000;
const WHERE = 'Its place is read from agent.yaml; --config, --data-dir and --control-port say otherwise.';

export function addLocalAgentOptions(command: Command): Command {
  return command
    .option('--config <file>', "the agent's settings (env SHOAL_AGENT_CONFIG)")
    .option('--data-dir <folder>', "the agent's dataDir, where the token of its control API is")
    .option('--control-port <port>', 'the port of its control API');
}

/** Throws ConfigError, CliError AGENT_UNREACHABLE, AGENT_REFUSED. */
export async function askLocalAgent(flags: LocalAgentFlags, io: Io): Promise<LocalAgent> {
  const { config: file, ...given } = flags;
  const paths = ['dataDir', 'control.enabled', 'control.host', 'control.port', 'tracker.ca'];
  const sources = { host: io.host, cwd: io.cwd, file, flags: given };
  const value = peekConfig(agentConfigFile(io.host), sources, paths);
  if (value('control.enabled') === false)
    throw new CliError('AGENT_UNREACHABLE', 'this agent has no control API; agent.yaml says control: false.');
  const token = tokenOf(String(value('dataDir')));
  const url = `http://${dialledHost(String(value('control.host')))}:${value('control.port')}/v1/status`;
  const caFile = value('tracker.ca');
  return { status: await getStatus(url, token), caFile: caFile === undefined ? undefined : String(caFile) };
}

function tokenOf(dataDir: string): string {
  const file = join(dataDir, CONTROL_TOKEN_FILE);
  try {
    return readSecretFile(file);
  } catch (cause) {
    const message = `no control token at ${file}. Start the agent, and run this as its account or an administrator. ${WHERE}`;
    throw new CliError('AGENT_UNREACHABLE', message, { cause });
  }
}

async function getStatus(url: string, token: string): Promise<AgentStatus> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((cause: Error) => {
    const why = (cause.cause as NodeJS.ErrnoException | undefined)?.code ?? cause.message;
    const message = `no agent answers at ${url} (${why}). See that it runs. ${WHERE}`;
    throw new CliError('AGENT_UNREACHABLE', message, { cause });
  });
  if (!response.ok)
    throw new CliError(
      'AGENT_REFUSED',
      `the agent at ${url} answered ${response.status}: is it another agent's port? ${WHERE}`,
    );
  return (await response.json()) as AgentStatus;
}

/** An address to listen on is not always one to dial. */
export function dialledHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
