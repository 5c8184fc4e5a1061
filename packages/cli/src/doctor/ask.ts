/** One GET of the tracker, straight and with its certificate checked; the answer with its head. Decides nothing. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Asked {
  status: number;
  /** The `Date` header; NaN without one. */
  dateMs: number;
  body: string;
}

const TIMEOUT_MS = 5000;
const MAX_BODY_CHARS = 64 * 1024;

/** Rejects with the system's error (ECONNREFUSED, DEPTH_ZERO_SELF_SIGNED_CERT …) or with code TIMEOUT. */
export function ask(url: URL, { ca, token }: { ca?: string | undefined; token?: string } = {}): Promise<Asked> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const asking = request(url, { agent: false, headers, ...(ca !== undefined && { ca }) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => {
        if (body.length < MAX_BODY_CHARS) body += text;
      });
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, dateMs: Date.parse(answer.headers.date ?? ''), body }),
      );
    });
    const onTimeout = () =>
      asking.destroy(Object.assign(new Error(`no answer within ${TIMEOUT_MS / 1000} s`), { code: 'TIMEOUT' }));
    const timer = setTimeout(onTimeout, TIMEOUT_MS);
    asking.on('close', () => clearTimeout(timer));
    asking.on('error', reject);
    asking.end();
  });
}
