/** Asks a blob's registry whether this client may read it, with the client's own words; a yes is remembered for a while. */
import { type Exchange, passedHeaders } from './forward.ts';
import type { Claim, Rights } from './rights.ts';

export interface BlobRequest extends Exchange {
  claim: Claim;
  rights: Rights;
}

/** True without asking for as long as the registry's last yes is remembered. */
export async function mayRead(asked: BlobRequest): Promise<boolean> {
  return asked.rights.isConfirmed(asked.claim) || (await askRegistry(asked)) !== undefined;
}

/** The blob's size, or undefined when the registry does not let this client read it. */
export async function askRegistry({ claim, rights, upstream, target, request, signal }: BlobRequest) {
  const { range: _range, 'if-range': _ifRange, ...headers } = passedHeaders(request);
  const answer = await upstream.request({ method: 'HEAD', target, headers, signal });
  answer.discard();
  if (answer.status !== 200) return undefined;
  rights.confirm(claim);
  return Number(answer.headers['content-length']);
}
