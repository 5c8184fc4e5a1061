/**
 * The keys of tracker.yaml for what Harbor and registries may order: P2P Preheat, webhooks, rules for pushes.
 */
import type { HarborOptions, PushRule } from '@shoal/tracker';
import { z } from 'zod';
import type { CrossCheck } from './config-file.ts';
import { duration, flag, listOf, path, section, text, textMap, texts, timeOfDay, wholeNumber } from './leaf.ts';
import type { RegistryEntry } from './registries.ts';
import { createRegistryOf, readSecretFile } from './sources.ts';

const HEADER_NAME = /^[A-Za-z0-9-]{1,100}$/;
/** Harbor's own limit, checkTimeout in its job.go, less one of its polls. */
const MAX_ANSWER_MS = 30 * 60_000 - 20_000;

export function harborKey() {
  return section('what Harbor may order by itself; docs/harbor.md', {
    preheat: section("Harbor's P2P Preheat; on as soon as there is a secret", {
      secret: text('what the instance in Harbor shows: token of OAUTH, password of BASIC, value of CUSTOM', {
        secret: true,
        sample: 'EXAMPLE',
      }).optional(),
      secretFile: path('file', 'file with that secret, nothing else', {
        sample: '/etc/shoal/harbor-preheat.secret',
      }).optional(),
      username: text('account of the auth mode BASIC').default('harbor'),
      header: text('name of the header of the auth mode CUSTOM', { pattern: HEADER_NAME }).default('X-Shoal-Secret'),
      anonymous: flag('the auth mode NONE: whoever reaches the tracker may order images onto all hosts').default(false),
      clusters: textMap("which hosts Harbor's cluster ids mean", { sample: { 1: 'zone=a' } }).default({}),
      answerAfter: duration(
        'after how long Harbor is told of success although hosts are still missing; it gives up after 30 min, and the hosts go on in either case',
      ).prefault('28 min'),
    }).prefault({}),
  }).prefault({});
}

export function hooksKey() {
  return section('webhooks of Harbor and notifications of registries; on as soon as there is a secret', {
    secret: text('value of the header Authorization, as it is', { secret: true, sample: 'Bearer EXAMPLE' }).optional(),
    secretFile: path('file', 'file with that value, nothing else', { sample: '/etc/shoal/hooks.secret' }).optional(),
    registry: text('which of registries pushes are of, whatever address they name', {
      sample: 'harbor.example.com',
      defaultText: 'the one of that address',
    }).optional(),
  }).prefault({});
}

const OFF = { sample: true, defaultText: 'false' };

const rule = z.strictObject({
  match: text(
    'pushes it is for, a glob: repository:tag, with or without the registry before it; repository@sha256:* for pushes by digest',
    { sample: 'win/*:ltsc*' },
  ),
  prewarm: section('what is ordered, as in POST /v1/jobs', {
    hosts: texts('selectors: a host of any of them', {
      sample: ['env=prod'],
      defaultText: 'every agent that is no seeder',
    }).optional(),
    at: timeOfDay("when to begin: the next such time of the tracker's clock", {
      sample: '22:00',
      defaultText: 'at once',
    }).optional(),
    by: timeOfDay('the deadline, likewise', { sample: '06:00', defaultText: 'none' }).optional(),
    percent: wholeNumber('only so many of these hosts, in percent', {
      min: 1,
      max: 100,
      sample: 10,
      defaultText: 'all',
    }).optional(),
    priority: wholeNumber('among jobs, the higher one first', {
      min: -100,
      max: 100,
      sample: 5,
      defaultText: '0',
    }).optional(),
    keepFor: duration('how long the hosts keep the image at least, from the beginning on', {
      sample: '30 d',
      defaultText: 'while there is room',
    }).optional(),
    standing: flag('hosts that come to match later get it, too', OFF).optional(),
    cacheOnly: flag('hosts keep the blobs and load nothing', OFF).optional(),
    force: flag('also where the engine would not run the image', OFF).optional(),
  }).prefault({}),
});

type RuleEntry = z.infer<typeof rule>;

export function onPushKey() {
  return listOf(rule, 'rules for pushed images; a single one needs no dash').default([]);
}

export interface HarborConfig {
  harbor: z.infer<ReturnType<typeof harborKey>>;
  hooks: z.infer<ReturnType<typeof hooksKey>>;
  'on-push': RuleEntry[];
  registries: readonly RegistryEntry[];
}

/** Reads the secret files. Throws CliError. */
export function harborOptions(config: HarborConfig): HarborOptions {
  const { harbor, hooks, registries } = config;
  const preheatSecret = secretOf(harbor.preheat);
  const hooksSecret = secretOf(hooks);
  const { username, header, anonymous, clusters, answerAfter } = harbor.preheat;
  const door = { secret: preheatSecret, username, header, isOpen: anonymous };
  const rules = config['on-push'].map(ruleOf);
  return {
    registryOf: createRegistryOf(registries),
    ...((preheatSecret !== undefined || anonymous) && { preheat: { ...door, clusters, answerAfterMs: answerAfter } }),
    ...(hooksSecret !== undefined && { hooks: { secret: hooksSecret, registry: hooks.registry, rules } }),
  };
}

function secretOf({ secret, secretFile }: { secret?: string | undefined; secretFile?: string | undefined }) {
  return secretFile === undefined ? secret : readSecretFile(secretFile);
}

function ruleOf({ match, prewarm: { keepFor, ...prewarm } }: RuleEntry): PushRule {
  return { match, prewarm: { ...prewarm, ...(keepFor !== undefined && { keepForMs: keepFor }) } };
}

/** What the keys mean together. */
export const checkHarbor: CrossCheck = ({ value, add }) => {
  for (const name of ['harbor.preheat', 'hooks'])
    if (value(`${name}.secret`) !== undefined && value(`${name}.secretFile`) !== undefined)
      add(`${name}.secretFile`, 'cannot stand beside secret; keep one of them');
  checkPreheat(value, add);
  checkRules(value, add);
};

type Value = Parameters<CrossCheck>[0]['value'];
type Add = Parameters<CrossCheck>[0]['add'];

function checkPreheat(value: Value, add: Add): void {
  const clusters = value('harbor.preheat.clusters');
  for (const id of Object.keys(clusters !== null && typeof clusters === 'object' ? clusters : {}))
    if (!/^\d{1,9}$/.test(id)) add(`harbor.preheat.clusters.${id}`, "is no cluster id: Harbor's are whole numbers");
  const after = duration('').safeParse(value('harbor.preheat.answerAfter')).data;
  if (after !== undefined && after > MAX_ANSWER_MS)
    add('harbor.preheat.answerAfter', 'is too long: Harbor gives up after 30 min; the most is 29 min');
}

function checkRules(value: Value, add: Add): void {
  const rules = value('on-push');
  const entries = Array.isArray(rules) ? rules : [];
  const hasSecret = value('hooks.secret') !== undefined || value('hooks.secretFile') !== undefined;
  if (entries.length > 0 && !hasSecret)
    add('on-push', 'has no effect, as nobody may tell of pushes; set hooks.secretFile');
  for (const [index, entry] of entries.entries())
    if (entries.findIndex((other) => other?.match === entry?.match) < index)
      add(`on-push[${index}].match`, 'is listed twice; keep one rule for it, with all its hosts');
  const registry = value('hooks.registry');
  const registries = value('registries');
  const hosts = (Array.isArray(registries) ? registries : []).map((entry) => String(entry?.host).toLowerCase());
  if (registry !== undefined && !hosts.includes(String(registry).toLowerCase()))
    add('hooks.registry', 'is none of registries; add an entry with this host there');
}
