/**
 * A job under way as progress rows: a bar a host with its state, rate and who feeds it. Decides what is said.
 */
import { formatRate } from '@shoal/policy';
import type { JobHostView, JobSummary, JobView } from '@shoal/tracker/client';
import { percentOf } from './format.ts';
import type { Io } from './io.ts';
import { createProgress, type ProgressRow } from './progress.ts';
import { createRateMeter, type RateMeter } from './rate-meter.ts';

/** More hosts are one bar, and those that fail a line each. */
const MAX_ROWS = 40;

export interface JobProgress {
  show(view: JobView): void;
  note(line: string): void;
  stop(): void;
}

export function createJobProgress(io: Io): JobProgress {
  const progress = createProgress(io);
  const meters = new Map<string, RateMeter>();
  const failed = new Set<string>();
  let warning: string | undefined;
  const rateOf = (key: string, bytes: number) => {
    const meter = meters.get(key) ?? createRateMeter();
    meters.set(key, meter);
    return meter.add(bytes, io.now());
  };
  return {
    show(view) {
      if (view.warning !== undefined && view.warning !== warning) progress.note(`warning: ${view.warning}`);
      warning = view.warning;
      const rate = rateOf('', view.bytes.fromPeers);
      const summary = summaryOf(view, rate);
      if (view.hosts.length <= MAX_ROWS)
        return progress.show(
          view.hosts.map((host) => rowOf(host, rateOf(host.peerId, figuresOf(host).peerBytes))),
          summary,
        );
      for (const host of view.hosts.filter(({ state, peerId }) => state === 'failed' && !failed.has(peerId))) {
        failed.add(host.peerId);
        progress.note(`${host.name} failed: ${errorTextOf(host)}`);
      }
      const { wanted, have } = view.bytes;
      progress.show([{ name: 'all hosts', done: have, total: Math.max(1, wanted), detail: summary }], summary);
    },
    note: progress.note,
    stop: progress.stop,
  };
}

export interface HostFigures {
  wantedBytes: number;
  haveBytes: number;
  /** What came over the network; the rate is of these, since resumed bytes come from the disk. */
  peerBytes: number;
}

export function figuresOf({ images }: JobHostView): HostFigures {
  return {
    wantedBytes: images.reduce((sum, image) => sum + image.wantedBytes, 0),
    haveBytes: images.reduce((sum, image) => sum + image.haveBytes, 0),
    peerBytes: images.reduce((sum, image) => sum + image.peerBytes, 0),
  };
}

function rowOf(host: JobHostView, bytesPerSecond: number): ProgressRow {
  const { wantedBytes, haveBytes } = figuresOf(host);
  const ready = host.state === 'ready';
  return {
    name: host.name,
    done: ready ? Math.max(1, wantedBytes) : haveBytes,
    total: Math.max(1, wantedBytes),
    detail: detailOf(host, bytesPerSecond),
  };
}

function detailOf(host: JobHostView, bytesPerSecond: number): string {
  if (isMissing(host)) return `${host.state}: the host is offline`;
  if (host.state === 'failed') return `failed: ${errorTextOf(host)}`;
  if (host.state !== 'fetching') return host.state;
  const feeders = feedersOf(host);
  return `${formatRate(bytesPerSecond)}${feeders === '' ? '' : ` from ${feeders}`}`;
}

/** The three that gave most. */
function feedersOf({ images }: JobHostView): string {
  const bytesOf = new Map<string, number>();
  for (const { feeders } of images)
    for (const { name, bytes } of feeders) bytesOf.set(name, (bytesOf.get(name) ?? 0) + bytes);
  const names = [...bytesOf].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
  return firstThree(names);
}

/** `, 1 offline: web-3`: the hosts a job waits for in vain; empty when there are none. */
export function offlineText(hosts: readonly JobHostView[]): string {
  const names = hosts.filter(isMissing).map(({ name }) => name);
  return names.length === 0 ? '' : `, ${names.length} offline: ${firstThree(names)}`;
}

function isMissing({ online, state }: JobHostView): boolean {
  return !online && state !== 'ready' && state !== 'failed';
}

function firstThree(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}

export function errorTextOf({ error, images }: JobHostView): string {
  const found = error ?? images.find((image) => image.error !== undefined)?.error;
  return found === undefined ? '' : `${found.text} (${found.code})`;
}

function summaryOf(view: JobView, bytesPerSecond: number): string {
  const { state, hosts, counts } = view;
  const { have, wanted } = view.bytes;
  const failed = counts.failed > 0 ? `, ${counts.failed} failed` : '';
  const rate = `${formatRate(bytesPerSecond)}${allowedText(view)}`;
  const bytes = wanted > 0 ? `, ${percentOf(have, wanted)} % of the bytes, ${rate}` : '';
  const held = state === 'paused' || state === 'scheduled' ? `${state}: ` : '';
  return `${held}${counts.ready} of ${counts.hosts} hosts ready${failed}${waveText(view)}${offlineText(hosts)}${bytes}${timesText(view)}`;
}

/** ` of 60 MB/s (office hours)`: what the policy allows, and by which rule. */
function allowedText({ allowed }: JobSummary): string {
  return allowed === undefined ? '' : ` of ${formatRate(allowed.bytesPerSecond)} (${allowed.rule})`;
}

/** `, wave 1 of 3`. */
export function waveText({ wave }: JobSummary): string {
  return wave === undefined ? '' : `, wave ${wave.number} of ${wave.of}`;
}

/** `; begins ...`, or when it is foreseen to be ready, against the deadline. */
export function timesText({ state, terms, readyAt }: JobSummary): string {
  if (state === 'scheduled' && terms.at !== undefined) return `; begins ${terms.at}`;
  const deadline = terms.by === undefined ? '' : `, wanted by ${terms.by}`;
  if (state !== 'running' || readyAt === undefined) return '';
  const late = terms.by !== undefined && Date.parse(readyAt) > Date.parse(terms.by) ? ', late' : '';
  return `; ready about ${readyAt}${deadline}${late}`;
}
