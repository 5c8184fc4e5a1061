/**
 * What a client of the proxy is told when nothing can serve it, in the distribution spec's form. Docker tries again
 * after a 5xx or a cut and takes a 4xx for final: so what may pass is a 5xx.
 */
import type { ServerResponse } from 'node:http';
import { RegistryError } from '@shoal/registry';

export interface ProxyFault {
  status: number;
  code: string;
  message: string;
}

export function answerFault(response: ServerResponse, fault: ProxyFault): void {
  const { status, code, message } = fault;
  const body = JSON.stringify({ errors: [{ code, message }] });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, reasonOf(fault), headers).end(body);
}

/** For the status line: of an answer to its first request docker shows nothing else. */
function reasonOf({ message }: ProxyFault): string {
  return message.replace(/[^\x20-\x7e]/g, '?').slice(0, 300);
}

/** A failure on the way to the registry. An untrusted certificate is a 502, too: whoever runs the host can mend it. */
export function faultOf(error: unknown): ProxyFault {
  if (!(error instanceof RegistryError)) return { status: 500, code: 'UNKNOWN', message: 'the proxy failed' };
  const status = error.code === 'UNREACHABLE' ? 503 : 502;
  return { status, code: 'UNAVAILABLE', message: error.message };
}
