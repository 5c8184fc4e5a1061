/* Asks an agent's control API four times a second, as monitoring does, and remembers how many peers it had at most. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CONTROL_TOKEN_FILE } from '@shoal/agent';

const INTERVAL_MS = 250;

/** @param {import('./site.mjs').AgentProcess} agent started with `control` */
export function watchControl({ controlPort, dataDirs: [dataDir = ''] }) {
  const token = readFileSync(path.join(dataDir, CONTROL_TOKEN_FILE), 'utf8').trim();
  const abort = new AbortController();
  let mostConnections = 0;
  const ask = async () => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`http://127.0.0.1:${controlPort}/v1/status`, { headers });
    const status = /** @type {import('@shoal/agent').AgentStatus} */ (await response.json());
    mostConnections = Math.max(mostConnections, status.connections);
  };
  const watching = (async () => {
    while (!abort.signal.aborted) {
      await ask();
      await delay(INTERVAL_MS, undefined, { signal: abort.signal }).catch(() => {});
    }
    await ask();
  })();
  watching.catch(() => {}); // told by `stop`
  return {
    /** Connections at most. */
    async stop() {
      abort.abort();
      await watching;
      return mostConnections;
    },
  };
}
