/** A whole agent without a tracker, for who adds what the test is about. */
import { onTestFinished } from 'vitest';
import { type Agent, type AgentOptions, startAgent } from './agent.ts';
import { temporaryFolder } from './store/store.testkit.ts';
import { silent } from './swarm/host.testkit.ts';

export const NOWHERE = { url: 'http://127.0.0.1:9', token: 'x' };

export function optionsFor(changes: Partial<AgentOptions> = {}): AgentOptions {
  return {
    ...{ dataDir: temporaryFolder(), name: 'host', version: '1.2.3', labels: {}, tracker: NOWHERE },
    ...{ peer: { host: '127.0.0.1', port: 0 }, control: { host: '127.0.0.1', port: 0 }, exit: { kind: 'cache' } },
    limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
    ...{ logger: silent, ...changes },
  };
}

export async function agentWith(changes: Partial<AgentOptions> = {}): Promise<Agent> {
  const agent = await startAgent(optionsFor(changes));
  onTestFinished(() => agent.stop());
  return agent;
}
