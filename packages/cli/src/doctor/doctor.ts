/**
 * Looks a host over: the settings, the agent if it runs, and all it depends on. Decides which checks there are and
 * their order; each one is in a file beside. Changes nothing.
 */
import { join } from 'node:path';
import { type AgentStatus, defaultEngineAddress } from '@shoal/agent';
import { type AgentConfig, agentConfigFile } from '../config/agent-config.ts';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/config-file.ts';
import { readSecretFile, readTextFile } from '../config/sources.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { askLocalAgent, type LocalAgentFlags } from '../people/local-agent.ts';
import { checkDisk } from './check-disk.ts';
import { checkEngine } from './check-engine.ts';
import { checkLimits, checkProxies, checkSetup } from './check-host.ts';
import { checkPorts } from './check-ports.ts';
import { checkRegistries } from './check-registries.ts';
import { checkTracker } from './check-tracker.ts';
import { type CheckName, type Diagnosis, diagnosisOf, type Finding, fault, ok, warning } from './finding.ts';

export async function diagnose(flags: LocalAgentFlags, io: Io): Promise<Diagnosis> {
  const read = readSettings(flags, io);
  if (Array.isArray(read)) return diagnosisOf(read);
  const { config, file } = read;
  const [agent, status] = await findAgent(flags, io);
  const { platform, env } = io.host;
  const engine = config.engine.address ?? defaultEngineAddress(platform);
  const groups = await Promise.all([
    ok('settings', file ?? 'no agent.yaml: environment and defaults'),
    agent,
    config.exit === 'engine' ? checkEngine(engine, status !== undefined) : [],
    guarded('registry', () => checkRegistries(config.registries, env)),
    checkTracker(trackerPlace(config), io.date),
    checkPorts(config, status),
    checkDisk({ dataDir: config.dataDir, budget: config.cache.budget, platform }),
    checkLimits(platform),
    checkProxies(env, config.tracker.url),
    platform === 'win32' ? [] : guarded('setup', async () => checkSetup(join(config.dataDir, 'setup'))),
  ]);
  return diagnosisOf(groups.flat());
}

/** A file that cannot be read says itself what to do. */
async function guarded(check: CheckName, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CliError) return [fault(check, error.message)];
    throw error;
  }
}

/** With faults in the settings nobody knows what else to look at. */
function readSettings({ config: file, ...flags }: LocalAgentFlags, io: Io) {
  try {
    const sources = { host: io.host, cwd: io.cwd, file, flags: { ...flags } };
    const loaded = loadConfig(agentConfigFile(io.host), sources, true);
    trackerPlace(loaded.config); // an empty file has no token in it
    return loaded;
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').map((line) => fault('settings', line));
    if (error instanceof CliError) return [fault('settings', error.message)];
    throw error;
  }
}

function trackerPlace({ tracker: { url, token, tokenFile, ca } }: AgentConfig) {
  return { url, token: token ?? readSecretFile(tokenFile ?? ''), ca: ca && readTextFile(ca) };
}

async function findAgent(flags: LocalAgentFlags, io: Io): Promise<[Finding, AgentStatus | undefined]> {
  try {
    const { status } = await askLocalAgent(flags, io);
    return [judgeAgent(status), status];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [warning('agent', error.message, 'Without it the rest is checked all the same.'), undefined];
  }
}

function judgeAgent({ name, version, role, tracker }: AgentStatus): Finding {
  const text = `${name}, version ${version}, runs`;
  if (tracker.state === 'connected') return ok('agent', `${text} and has a session as ${role ?? 'agent'}`);
  const why = tracker.error === undefined ? '' : ` (${tracker.error.text})`;
  return fault('agent', `${text}, but has no session with the tracker: ${tracker.state}${why}`);
}
