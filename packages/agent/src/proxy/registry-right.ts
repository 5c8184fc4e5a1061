/** Asks a blob's registry whether this client may read it, with the client's own words; a yes is remembered for a while. */
import { type Exchange, isAway, passedHeaders } from './forward.ts';
import type { Claim, Rights } from './rights.ts';

export interface BlobRequest extends Exchange {
  claim: Claim;
  rights: Rights;
}

/** True without asking for as long as the registry's last yes is remembered, and longer if it is away and trusted so. */
export async function mayRead(asked: BlobRequest): Promise<boolean> {
  const { rights, claim } = asked;
  if (rights.isConfirmed(claim)) return true;
  try {
    const { status } = await head(asked);
    return status === 200 || (isAway({ status }) && rights.isTrusted(claim));
  } catch (error) {
    if (isAway({ error }) && rights.isTrusted(claim)) return true;
    throw error;
  }
}

/** The blob's size, or undefined when the registry does not let this client read it. */
export async function askRegistry(asked: BlobRequest): Promise<number | undefined> {
  const { status, size } = await head(asked);
  return status === 200 && Number.isSafeInteger(size) ? size : undefined;
}

async function head({ claim, rights, upstream, target, request, signal }: BlobRequest) {
  const { range: _range, 'if-range': _ifRange, ...headers } = passedHeaders(request);
  const answer = await upstream.request({ method: 'HEAD', target, headers, signal });
  answer.discard();
  if (answer.status === 200) rights.confirm(claim);
  return { status: answer.status, size: Number(answer.headers['content-length']) };
}
