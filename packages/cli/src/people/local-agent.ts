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
/** Many files are deleted. */
const CHANGE_TIMEOUT_MS = 120_000;
const WHERE = 'Its place is read from agent.yaml; --config, --data-dir and --control-port say otherwise.';

export function addLocalAgentOptions(command: Command): Command {
  return command
    .option('--config <file>', "the agent's settings (env SHOAL_AGENT_CONFIG)")
    .option('--data-dir <folder>', "the agent's dataDir, where the token of its control API is")
    .option('--control-port <port>', 'the port of its control API');
}

/** Calls of its control API. All throw CliError AGENT_UNREACHABLE, AGENT_REFUSED. */
export interface LocalAgentApi {
  ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>;
  /** An answer that comes line by line, for as long as it takes. */
  lines<T>(path: string, body: object): AsyncGenerator<T>;
  caFile: string | undefined;
}

/** Throws ConfigError, CliError AGENT_UNREACHABLE, AGENT_REFUSED. */
export async function askLocalAgent(flags: LocalAgentFlags, io: Io): Promise<LocalAgent> {
  const { ask, caFile } = openLocalAgent(flags, io);
  return { status: await ask<AgentStatus>('GET', '/v1/status'), caFile };
}

/** Throws ConfigError, CliError AGENT_UNREACHABLE. */
export function openLocalAgent(flags: LocalAgentFlags, io: Io): LocalAgentApi {
  const { config: file, ...given } = flags;
  const paths = ['dataDir', 'control.enabled', 'control.host', 'control.port', 'tracker.ca'];
  const sources = { host: io.host, cwd: io.cwd, file, flags: given };
  const value = peekConfig(agentConfigFile(io.host), sources, paths);
  if (value('control.enabled') === false)
    throw new CliError('AGENT_UNREACHABLE', 'this agent has no control API; agent.yaml says control: false.');
  const token = tokenOf(String(value('dataDir')));
  const base = `http://${dialledHost(String(value('control.host')))}:${value('control.port')}`;
  const caFile = value('tracker.ca');
  return {
    async ask<T>(method: 'GET' | 'POST', path: string, body?: object) {
      const signal = AbortSignal.timeout(method === 'GET' ? TIMEOUT_MS : CHANGE_TIMEOUT_MS);
      const response = await send(base + path, { method, token, body, signal });
      return (await response.json()) as T;
    },
    async *lines<T>(path: string, body: object) {
      const response = await send(base + path, { method: 'POST', token, body });
      yield* linesOf<T>(response, base);
    },
    caFile: caFile === undefined ? undefined : String(caFile),
  };
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

interface Asked {
  method: 'GET' | 'POST';
  token: string;
  body?: object | undefined;
  signal?: AbortSignal;
}

async function send(url: string, { method, token, body, signal }: Asked): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
  const request = { method, headers, ...(body && { body: JSON.stringify(body) }), ...(signal && { signal }) };
  const response = await fetch(url, request).catch((cause: Error) => {
    throw unreachable(url, cause);
  });
  if (response.ok) return response;
  const told = (await response.json().catch(() => undefined)) as
    | { error?: { code?: string; text?: string } }
    | undefined;
  const refusal = response.status === 400 ? told?.error?.text : undefined;
  const why = refusal ? `: ${refusal}` : ` answered ${response.status}: is it another agent's port? ${WHERE}`;
  throw new CliError('AGENT_REFUSED', `the agent at ${url}${why}`);
}

async function* linesOf<T>(response: Response, url: string): AsyncGenerator<T> {
  let rest = '';
  try {
    for await (const text of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as T;
    }
  } catch (cause) {
    throw unreachable(url, cause as Error);
  }
}

function unreachable(url: string, cause: Error): CliError {
  const why = (cause.cause as NodeJS.ErrnoException | undefined)?.code ?? cause.message;
  const message = `no agent answers at ${url} (${why}). See that it runs. ${WHERE}`;
  return new CliError('AGENT_UNREACHABLE', message, { cause });
}

/** An address to listen on is not always one to dial. */
export function dialledHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
