/**
 * The `marathon` key of tracker.yaml: whose deployments are pre-warmed, and from it what the tracker needs.
 */
import type { MarathonSite } from '@shoal/tracker';
import { z } from 'zod';
import type { CrossCheck } from './config-file.ts';
import { choice, httpUrl, listOf, path, section, text, textMap, wholeNumber } from './leaf.ts';
import { readSecretFile, readTextFile } from './sources.ts';

const entry = z.strictObject({
  url: httpUrl('Marathon as people reach it, with the path of a gateway before it', {
    sample: 'http://marathon.example.com:8080',
  }),
  mesos: httpUrl(
    "its Mesos master: apps are placed by the agents' attributes. Without it by names and labels of Shoal's hosts",
    { sample: 'http://mesos.example.com:5050' },
  ).optional(),
  username: text('account for Marathon and Mesos, with its password in passwordFile', { sample: 'shoal' }).optional(),
  passwordFile: path('file', 'file with the password, nothing else', {
    sample: '/etc/shoal/marathon.password',
  }).optional(),
  tokenFile: path('file', 'file with a DC/OS token, instead of an account; read anew for every request', {
    sample: '/etc/shoal/marathon.token',
  }).optional(),
  caFile: path('file', 'PEM of an authority to trust for both', { sample: '/etc/shoal/marathon-ca.pem' }).optional(),
  prewarm: section('what its jobs get', {
    class: choice(['prewarm', 'pull'], 'class of their traffic in the bandwidth policy').default('prewarm'),
    priority: wholeNumber('which of competing jobs goes first: the higher', {
      min: -100,
      max: 100,
      sample: 10,
    }).optional(),
  }).optional(),
  only: textMap('labels an app must have to be pre-warmed', { sample: { prewarm: 'true' } }).optional(),
});

export type MarathonEntry = z.infer<typeof entry>;

export function marathonKey() {
  return listOf(entry, 'Marathons whose deployments are pre-warmed').default([]);
}

/** What the keys of an entry mean together, and the entries among each other. */
export const checkMarathon: CrossCheck = ({ value, add }) => {
  const entries = value('marathon');
  const seen = new Set<unknown>();
  for (const [index, one] of (Array.isArray(entries) ? entries : []).entries()) {
    if (typeof one !== 'object' || one === null) continue;
    const { url, username, passwordFile, tokenFile } = one as Record<string, unknown>;
    const addTo = (name: string, what: string) => add(`marathon[${index}].${name}`, what);
    const plain = String(url).replace(/\/+$/, '').toLowerCase();
    if (url !== undefined && seen.has(plain)) addTo('url', 'is listed twice; keep one entry a Marathon');
    seen.add(plain);
    if (username !== undefined && passwordFile === undefined) addTo('username', 'has no password; give passwordFile');
    if (username === undefined && passwordFile !== undefined) addTo('passwordFile', 'has no username; give one');
    if (tokenFile !== undefined && username !== undefined)
      addTo('tokenFile', 'cannot stand beside username; keep one of them');
  }
};

/** Throws CliError UNREADABLE_FILE. */
export function marathonSites(entries: readonly MarathonEntry[]): MarathonSite[] {
  return entries.map(({ url, mesos, caFile, prewarm, only, ...account }) => ({
    ...{ url, mesos, prewarm, only, authorization: authorizationOf(account) },
    ca: caFile === undefined ? undefined : readTextFile(caFile),
  }));
}

type Account = Pick<MarathonEntry, 'username' | 'passwordFile' | 'tokenFile'>;

/** The files are read at every request: tokens of DC/OS live for days. */
function authorizationOf({ username, passwordFile, tokenFile }: Account): (() => string) | undefined {
  if (tokenFile !== undefined) return () => `token=${readSecretFile(tokenFile)}`;
  if (username === undefined || passwordFile === undefined) return undefined;
  return () => `Basic ${Buffer.from(`${username}:${readSecretFile(passwordFile)}`).toString('base64')}`;
}
