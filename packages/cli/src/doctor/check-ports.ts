/** Whether the ports of agent.yaml are free, or this agent's already. */
import { createServer } from 'node:net';
import type { AgentStatus } from '@shoal/agent';
import type { AgentConfig } from '../config/agent-config.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

interface Door {
  name: string;
  key: string;
  host: string;
  port: number;
  /** Where the agent that runs has it. */
  taken: number | undefined;
}

/** Whether others reach the peer port from where they are, only they could say. */
export async function checkPorts(config: AgentConfig, status: AgentStatus | undefined): Promise<Finding[]> {
  return Promise.all(doorsOf(config, status).map((door) => checkDoor(door, status !== undefined)));
}

function doorsOf({ peer, proxy, control }: AgentConfig, status: AgentStatus | undefined): Door[] {
  const { tls } = proxy;
  const standIn = tls.port === undefined ? [] : [{ ...tls, port: tls.port }];
  return [
    { name: 'for other agents', key: 'peer.port', host: peer.host, port: peer.port, taken: status?.peerPort },
    // A control API that answered is the agent's own.
    ...(control.enabled && status === undefined
      ? [{ name: 'of the control API', key: 'control.port', ...control }]
      : []),
    ...(proxy.enabled ? [{ name: 'of the proxy', key: 'proxy.port', ...proxy, taken: status?.proxy?.port }] : []),
    ...(proxy.enabled ? standIn : []).map((place) => ({
      ...{ name: 'of the stand-in', key: 'proxy.tls.port', ...place, taken: status?.proxy?.tlsPort },
    })),
  ].map(({ name, key, host, port, taken }: Omit<Door, 'taken'> & { taken?: number | undefined }) => ({
    ...{ name, key, host, port, taken },
  }));
}

async function checkDoor({ name, key, host, port, taken }: Door, isRunning: boolean): Promise<Finding> {
  if (isRunning && (taken === port || (port === 0 && taken !== undefined)))
    return ok('ports', `${taken} ${name} is the agent's`);
  if (isRunning) {
    const where = taken === undefined ? 'it has none' : `it has ${taken}`;
    return warning(
      'ports',
      `${key} is ${port}, but the agent runs with other settings: ${where}`,
      'Restart the agent.',
    );
  }
  const code = port === 0 ? undefined : await tryListen(host, port);
  if (code === undefined) return ok('ports', `${port === 0 ? 'any' : port} ${name} is free`);
  if (code === 'EADDRINUSE')
    return fault(
      'ports',
      `${host}:${port} ${name} is taken by another program, or by an agent that cannot be asked`,
      `Set ${key} to a free port.`,
    );
  if (code === 'EADDRNOTAVAIL')
    return fault('ports', `${host} is not an address of this host`, `Correct the host beside ${key}.`);
  return fault(
    'ports',
    `${host}:${port} ${name} cannot be used (${code})`,
    `Set ${key} to a port this account may use.`,
  );
}

/** The system's code when it cannot. */
function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
