/** Whether the Docker Engine takes images from this host's agent. */
import { createEngineClient, EngineError } from '@shoal/agent';
import { type Finding, fault, ok, warning } from './finding.ts';

const TIMEOUT_MS = 5000;
/** The oldest one that our tests load images into. */
const OLDEST = [20, 10] as const;

/** `agentRuns`: there is one on this host, which may have rights that we have not. */
export async function checkEngine(address: string, agentRuns: boolean): Promise<Finding> {
  try {
    const engine = createEngineClient({ address });
    try {
      const { version, store, os, architecture } = await engine.info(AbortSignal.timeout(TIMEOUT_MS));
      return judgeEngine(`Docker Engine ${version} at ${address}, ${os}/${architecture}, ${store} store`, version);
    } finally {
      await engine.close();
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return judgeEngineError(error, address, agentRuns);
  }
}

export function judgeEngineError({ code, message }: EngineError, address: string, agentRuns: boolean): Finding {
  if (code === 'ABORTED')
    return fault('engine', `the Docker Engine at ${address} gives no answer within ${TIMEOUT_MS / 1000} s`, SEE_LOG);
  // The Debian package gives the group to the agent's service, and not to the account, which the tracker has, too.
  if (code === 'ENGINE_FORBIDDEN' && agentRuns)
    return warning('engine', message, "The agent's service may have a group that this account has not: ask as root.");
  return fault('engine', message, NEXT[code] ?? SEE_LOG);
}

const SEE_LOG = 'See what its own log says.';

const NEXT: Partial<Record<EngineError['code'], string>> = {
  INVALID_ADDRESS: 'Correct engine.address in agent.yaml.',
  ENGINE_DOWN:
    'Start it, or correct engine.address in agent.yaml; a host without one says exit: archive or exit: cache.',
  ENGINE_FORBIDDEN: 'Run this, and the agent, as an account that may use its socket or pipe.',
  BAD_RESPONSE: 'Correct engine.address in agent.yaml.',
};

export function judgeEngine(text: string, version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (!isOld) return ok('engine', text);
  return fault('engine', `${text}, is older than ${OLDEST.join('.')}`, 'Upgrade the Docker Engine of this host.');
}
