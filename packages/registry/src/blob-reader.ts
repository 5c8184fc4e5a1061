/**
 * Reads one blob to its last byte through cuts: decides where to go on, what counts as progress, and when to turn from
 * the registry to a foreign layer's own urls.
 * Does not hash: the reader does.
 */
import type { Descriptor } from '@shoal/oci';
import type { RegistryClient } from './client.ts';
import { RegistryError } from './errors.ts';
import type { RegistrySettings } from './options.ts';
import { showUrl } from './redact.ts';
import { type RegistryDependencies, retryDelayMs, waitOrAbort } from './retry.ts';
import type { HttpAnswer } from './transport.ts';

export interface BlobRead {
  repository: string;
  blob: Descriptor;
  offset: number;
  /** Behind the last byte. */
  end: number;
  /** As it may be shown. */
  subject: string;
  signal: AbortSignal;
}

export interface BlobReaderParts {
  client: RegistryClient;
  settings: RegistrySettings;
  dependencies: RegistryDependencies;
}

/** Somewhere the blob may be; `get` throws RegistryError. */
interface Origin {
  get(headers: Record<string, string>): Promise<HttpAnswer>;
}

/** Exactly `end - offset` bytes, or an error. */
export async function* readBlobThroughCuts(parts: BlobReaderParts, read: BlobRead): AsyncGenerator<Uint8Array> {
  let at = read.offset;
  let lastError = new RegistryError('UNKNOWN_BLOB', read.subject);
  for (const [index, origin] of originsOf(parts.client, read).entries()) {
    try {
      for await (const chunk of readFromOrigin(parts, { ...read, offset: at }, origin)) {
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      // Only what the registry lacks is asked for elsewhere; among the urls any failure means the next.
      const mayTurn = error instanceof RegistryError && error.code !== 'ABORTED';
      if (!mayTurn || (index === 0 && error.code !== 'UNKNOWN_BLOB')) throw error;
      lastError = error;
    }
  }
  throw nowhere(read, lastError);
}

/** What is said when the registry lacks the blob and, for a foreign layer, its own urls failed too. */
function nowhere({ blob, subject }: BlobRead, last: RegistryError): RegistryError {
  if (last.code === 'UNKNOWN_BLOB' && !blob.urls?.length) return last;
  return new RegistryError(
    'UNKNOWN_BLOB',
    `${subject}: the registry does not have this foreign layer and its own urls failed. The last said: ${last.message}`,
    { retryable: last.retryable, cause: last },
  );
}

function originsOf(client: RegistryClient, { repository, blob, subject, signal }: BlobRead): Origin[] {
  const path = `blobs/${blob.digest}`;
  const registry: Origin = {
    get: (headers) => client.get({ repository, path, headers, subject, kind: 'blob', signal }),
  };
  const urls = (blob.urls ?? [])
    .filter((url) => /^https?:\/\//i.test(url) && URL.canParse(url))
    .map((url) => new URL(url));
  const foreign = urls.map(
    (url): Origin => ({
      get: (headers) => client.getForeign(url, { headers, subject, signal }),
    }),
  );
  return [registry, ...foreign];
}

async function* readFromOrigin(parts: BlobReaderParts, read: BlobRead, origin: Origin): AsyncGenerator<Uint8Array> {
  const { settings, dependencies } = parts;
  let at = read.offset;
  for (let failures = 0; at < read.end; ) {
    const startedAt = at;
    try {
      for await (const chunk of readOnce(settings, { ...read, offset: at }, origin)) {
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      failures = at > startedAt ? 1 : failures + 1;
      const delayMs = retryDelayMs(settings, error, { failures, random: dependencies.random });
      if (delayMs === undefined) throw error;
      await waitOrAbort(dependencies, delayMs, read.signal);
    }
  }
}

/** One answer's worth: throws CUT when it ends early, whatever the reason. */
async function* readOnce(settings: RegistrySettings, read: BlobRead, origin: Origin): AsyncGenerator<Uint8Array> {
  const { blob, offset, end, subject } = read;
  const answer = await origin.get(rangeHeader(read));
  try {
    checkLength(answer, read);
  } catch (error) {
    answer.discard();
    throw error;
  }
  // A registry that ignores Range starts from the beginning: what was delivered before is passed over.
  let toSkip = answer.status === 206 ? 0 : offset;
  let at = offset;
  for await (const chunk of answer.body) {
    settings.onBytes(chunk.length);
    const fresh = toSkip === 0 ? chunk : chunk.subarray(Math.min(toSkip, chunk.length));
    toSkip -= chunk.length - fresh.length;
    if (at + fresh.length > (answer.status === 206 ? end : blob.size)) throw tooLong(read, showUrl(answer.url));
    const wanted = fresh.subarray(0, end - at);
    at += wanted.length;
    if (wanted.length > 0) yield wanted;
    // A registry that ignores Range goes on to the blob's end: leaving hangs up.
    if (at === end && answer.status !== 206 && end < blob.size) return;
  }
  if (at < end) {
    throw new RegistryError(
      'CUT',
      `${subject}: the answer ended after ${at} of ${end} bytes. Try again: what came is kept.`,
    );
  }
}

function rangeHeader({ blob, offset, end }: BlobRead): Record<string, string> {
  if (offset === 0 && end === blob.size) return {};
  return { range: `bytes=${offset}-${end === blob.size ? '' : end - 1}` };
}

function checkLength(answer: HttpAnswer, read: BlobRead): void {
  const { blob, offset, end, subject } = read;
  if (answer.status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.headers['content-range'] ?? '');
    const total = range?.[3] === '*' ? blob.size : Number(range?.[3]);
    if (Number(range?.[1]) !== offset || total !== blob.size || Number(range?.[2]) >= end) {
      throw new RegistryError(
        'BAD_RESPONSE',
        `${subject}: asked for the bytes from ${offset} to ${end} of ${blob.size}, the registry sent another range.`,
      );
    }
    return;
  }
  const announced = answer.headers['content-length'];
  if (announced !== undefined && Number(announced) !== blob.size) {
    throw new RegistryError(
      'BAD_RESPONSE',
      `${subject}: the manifest says ${blob.size} bytes, the registry announces ${announced}. Push the image again.`,
    );
  }
}

function tooLong({ blob, subject }: BlobRead, where: string): RegistryError {
  return new RegistryError('BAD_RESPONSE', `${subject}: ${where} sends more than the manifest's ${blob.size} bytes.`);
}
