/**
 * What is told of pushes: Harbor's webhooks in both formats, and the notifications of a plain registry. Pure.
 * Decides which of them are images. Harbor: src/pkg/notifier; distribution: notifications/event.go.
 */
import { isDigest, isRepository, isTag, MANIFEST_MEDIA_TYPES } from '@shoal/oci';
import { z } from 'zod';
import { parse } from './parse-body.ts';

export interface PushEvent {
  /** `host[:port]` under which the sender knows the registry; empty when it does not say. */
  address: string;
  repository: string;
  /** Undefined: pushed by digest, as the children of an index are. */
  tag?: string;
  /** Empty when the sender does not say. */
  digest: string;
}

const dataSchema = z.looseObject({
  resources: z
    .array(z.looseObject({ digest: z.string(), tag: z.string().nullish(), resource_url: z.string().nullish() }))
    .max(1000),
  repository: z.looseObject({ repo_full_name: z.string() }),
});
const typeSchema = z.looseObject({ type: z.string() });

/** Default or CloudEvents; events that are no pushes have no answer. Throws TrackerError BAD_REQUEST. */
export function parseHarborEvent(body: unknown): PushEvent[] {
  const { type, data, event_data } = parse(typeSchema, body);
  if (type !== 'PUSH_ARTIFACT' && type !== 'harbor.artifact.pushed') return [];
  const { resources, repository } = parse(dataSchema, type === 'PUSH_ARTIFACT' ? event_data : data);
  const name = repository.repo_full_name;
  return resources
    .map(({ digest, tag, resource_url }) => ({ ...addressBefore(resource_url ?? '', name), ...tagOf(tag), digest }))
    .map((event) => ({ ...event, repository: name }))
    .filter(isImage);
}

const envelopeSchema = z.looseObject({ events: z.array(z.unknown()).max(10_000) });
const eventSchema = z.looseObject({
  action: z.string(),
  target: z.looseObject({
    mediaType: z.string(),
    digest: z.string(),
    repository: z.string(),
    tag: z.string().nullish(),
    url: z.string().nullish(),
  }),
  request: z.looseObject({ host: z.string().nullish() }).nullish(),
});

/**
 * v1 and v2 envelopes. An event that cannot be read is passed over, as the registry would send the same envelope for
 * ever and nothing after it. Throws TrackerError BAD_REQUEST.
 */
export function parseNotifications(body: unknown): PushEvent[] {
  return parse(envelopeSchema, body).events.flatMap((one) => {
    const { success, data } = eventSchema.safeParse(one);
    if (!success || data.action !== 'push' || !isManifest(data.target.mediaType)) return [];
    const { repository, digest, tag, url } = data.target;
    const address = url && URL.canParse(url) ? new URL(url).host : (data.request?.host ?? '');
    return [{ address, repository, ...tagOf(tag), digest }].filter(isImage);
  });
}

function isManifest(mediaType: string): boolean {
  return (MANIFEST_MEDIA_TYPES as readonly string[]).includes(mediaType);
}

/** Of an artifact without a tag Harbor says the digest in its place. */
function tagOf(tag: string | null | undefined): { tag?: string } {
  return tag && !isDigest(tag) ? { tag } : {};
}

/** `harbor.example.com/win/app:1` → `harbor.example.com`. */
function addressBefore(resourceUrl: string, repository: string): { address: string } {
  const at = resourceUrl.indexOf(`/${repository}`);
  return { address: at > 0 ? resourceUrl.slice(0, at) : '' };
}

/** Untrusted until here: what does not have the form of a name goes no further. */
function isImage({ repository, tag, digest }: PushEvent): boolean {
  return isRepository(repository) && isDigest(digest) && (tag === undefined || isTag(tag));
}
