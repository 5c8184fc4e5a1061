/**
 * Knows a request of ours that has come back, because a registry's name leads to this very proxy: by what we add to
 * `Via` (RFC 9110, 7.6.3), which is for that.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Upstream } from '@shoal/registry';
import type { ProxyFault } from './faults.ts';

export interface LoopGuard {
  mark(upstream: Upstream): Upstream;
  faultOf(request: Pick<IncomingMessage, 'headers'>): ProxyFault | undefined;
}

export function createLoopGuard(): LoopGuard {
  const pseudonym = `shoal-${randomUUID()}`;
  const marked = ({ via, ...headers }: Record<string, string> = {}): Record<string, string> => {
    const passed = via === undefined ? '' : `${via}, `;
    return { ...headers, via: `${passed}1.1 ${pseudonym}` };
  };
  return {
    mark: (upstream) => ({
      ...upstream,
      request: (request) => upstream.request({ ...request, headers: marked(request.headers) }),
      token: (ask) => upstream.token({ ...ask, headers: marked(ask.headers) }),
    }),
    faultOf({ headers }) {
      if (!headers.via?.includes(pseudonym)) return undefined;
      const remedy = 'give its entry in registries an address';
      return { status: 508, code: 'UNAVAILABLE', message: `the registry's name leads to this proxy itself; ${remedy}` };
    },
  };
}
