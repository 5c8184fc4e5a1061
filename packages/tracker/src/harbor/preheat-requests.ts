/**
 * What Harbor's preheat drivers send (src/pkg/p2p/preheat/provider: dragonfly.go, kraken.go), read strictly where
 * Shoal needs it and with patience elsewhere: Harbor's versions differ in fields. Pure.
 */
import { isDigest, isRepository, isTag } from '@shoal/oci';
import { z } from 'zod';
import { TrackerError } from '../errors.ts';
import { parse } from './parse-body.ts';
import type { PushEvent } from './push-events.ts';

export interface PreheatOrder extends PushEvent {
  /** Of the manifest, as Harbor named it. */
  url: string;
  /** Harbor's pull token for this one repository, as a header's value. Used at once, kept nowhere. */
  authorization?: string;
  /** Nothing goes to hosts: the seeders are to hold the image. */
  seedersOnly: boolean;
  clusters: number[];
}

const MAX_AUTHORIZATION_CHARS = 16_384;
const headersSchema = z.record(z.string(), z.unknown()).nullish();

const jobSchema = z.looseObject({
  type: z.literal('preheat'),
  args: z.looseObject({
    type: z.string().nullish(),
    url: z.string(),
    headers: headersSchema,
    scope: z.enum(['', 'single_seed_peer', 'all_seed_peers', 'all_peers']).nullish(),
  }),
  scheduler_cluster_ids: z.array(z.int().min(0)).max(1000).nullish(),
});

/** Harbor >= 2.12: `POST /oapi/v1/jobs`. Throws TrackerError BAD_REQUEST. */
export function parseJob(body: unknown): PreheatOrder {
  const { args, scheduler_cluster_ids: clusters } = parse(jobSchema, body);
  const scope = args.scope ?? '';
  return {
    ...manifestOf(args.url),
    ...authorizationOf(args.headers),
    seedersOnly: scope === 'single_seed_peer' || scope === 'all_seed_peers',
    clusters: [...new Set(clusters ?? [])].sort((a, b) => a - b),
  };
}

const preheatSchema = z.looseObject({ url: z.string(), headers: headersSchema, digest: z.string().nullish() });

/** Harbor 2.1 to 2.11: `POST /preheats`. Throws TrackerError BAD_REQUEST. */
export function parsePreheat(body: unknown): PreheatOrder {
  const { url, headers } = parse(preheatSchema, body);
  return { ...manifestOf(url), ...authorizationOf(headers), seedersOnly: false, clusters: [] };
}

/** Keys are matched without regard to case: this envelope has them capitalised, a registry's own has not. */
const krakenSchema = z.looseObject({
  events: z
    .array(
      z.looseObject({ action: z.string(), target: z.looseObject({ url: z.string(), digest: z.string().nullish() }) }),
    )
    .max(1000),
});

/** `POST /registry/notifications`. Throws TrackerError BAD_REQUEST. */
export function parseKraken(body: unknown): PushEvent[] {
  const { events } = parse(krakenSchema, withSmallKeys(body, 4));
  return events
    .filter(({ action }) => action === 'push')
    .map(({ target }) => ({ ...manifestOf(target.url), digest: target.digest ?? '' }));
}

function manifestOf(text: string): Pick<PreheatOrder, 'url' | 'address' | 'repository' | 'tag' | 'digest'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const [, repository = '', last = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url?.pathname ?? '') ?? [];
  const isPlain = url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  const name = decoded(last);
  if (!isPlain || !isRepository(repository) || !(isTag(name) || isDigest(name)))
    throw new TrackerError('BAD_REQUEST', 'url is not like https://harbor.example.com/v2/project/image/manifests/tag');
  const { host } = url;
  return { url: text, address: host, repository, ...(isDigest(name) ? { digest: name } : { tag: name, digest: '' }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** Its value is in no error. */
function authorizationOf(headers: Record<string, unknown> | null | undefined): { authorization?: string } {
  const given = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  if (given === undefined || given === '') return {};
  if (typeof given !== 'string' || given.length > MAX_AUTHORIZATION_CHARS || !/^[\x20-\x7e]+$/.test(given))
    throw new TrackerError('BAD_REQUEST', "headers: Authorization is no header's value");
  return { authorization: given };
}

function withSmallKeys(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((item) => withSmallKeys(item, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name.toLowerCase(), withSmallKeys(item, depth - 1)]),
  );
}
