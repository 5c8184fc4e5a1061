/**
 * Answers a GET or HEAD of a manifest. The registry is asked every time, whatever is kept here: a tag is what the
 * registry says it is, and reading a manifest is its client's right. What is kept saves the bytes of one that has not
 * changed, and stands in while the registry is away.
 */
import { answerHeaders, ask, type Exchange, isAway, passOn, SOURCE } from './forward.ts';
import { type KeptManifest, type KeptManifests, keyOfManifest, LARGEST_KEPT_BYTES } from './kept-manifests.ts';
import type { Claim, Rights } from './rights.ts';

export interface ManifestRequest extends Exchange {
  claim: Claim;
  rights: Rights;
  kept: KeptManifests;
  isTag: boolean;
  /** How old the answer of a tag may be while the registry is away. */
  staleTagsMs: number;
  nowMs(): number;
}

export async function answerManifest(asked: ManifestRequest): Promise<void> {
  const { request, claim, rights, kept, nowMs } = asked;
  const { accept = '' } = request.headers;
  const key = keyOfManifest({ host: claim.host, target: asked.target, accept });
  const known = kept.get(key);
  const isGet = request.method === 'GET';
  const asksIfNew = isGet && known?.body !== undefined && request.headers['if-none-match'] === undefined;
  const etag = asksIfNew ? known.headers.etag : undefined;
  try {
    const answer = await ask(asked, typeof etag === 'string' ? { 'if-none-match': etag } : {});
    if (isAway(answer) && known !== undefined && mayStandIn(asked, known)) {
      answer.discard();
      return send(asked, known);
    }
    if (answer.status === 304 && etag !== undefined && known !== undefined) {
      answer.discard();
      rights.confirm(claim);
      kept.keep(key, { ...known, atMs: nowMs() });
      return send(asked, known);
    }
    if (answer.status !== 200) return passOn(answer, asked);
    rights.confirm(claim);
    const headers = answerHeaders(answer);
    const isSmall = Number(headers['content-length'] ?? Number.NaN) <= LARGEST_KEPT_BYTES;
    if (!isGet) kept.keep(key, { headers, body: undefined, atMs: nowMs() });
    if (!isGet || !isSmall) return passOn(answer, asked);
    const body = await bytesOf(answer.body, asked);
    const manifest: KeptManifest = { headers, body, atMs: nowMs() };
    if (String(body.length) === headers['content-length']) kept.keep(key, manifest);
    asked.onSent('registry', body.length);
    send(asked, manifest, 'registry');
  } catch (error) {
    if (!isAway({ error }) || known === undefined || !mayStandIn(asked, known)) throw error;
    send(asked, known);
  }
}

function mayStandIn(
  { request, claim, rights, isTag, staleTagsMs, nowMs }: ManifestRequest,
  known: KeptManifest,
): boolean {
  if (request.method === 'GET' && known.body === undefined) return false;
  return rights.isTrusted(claim) && (!isTag || known.atMs + staleTagsMs > nowMs());
}

function send({ request, response }: ManifestRequest, { headers, body }: KeptManifest, source = 'cache'): void {
  response.writeHead(200, { ...headers, [SOURCE]: source });
  response.end(request.method === 'GET' ? body : undefined);
}

async function bytesOf(body: AsyncIterable<Uint8Array>, { take }: ManifestRequest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    await take(chunk.length);
    bytes += chunk.length;
    if (bytes > LARGEST_KEPT_BYTES) throw new Error('a manifest is longer than its registry said');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
