/**
 * A job as text: a row a host and image, then a line that sums it up. Decides what people read of it; programs get the
 * API's view.
 */
import type { ImageReport, JobHostView, JobSummary, JobView } from '@shoal/tracker/client';
import { formatBytes, formatCopies, formatDuration, formatTable, printable } from './format.ts';
import { errorTextOf, offlineText, timesText, waveText } from './job-progress.ts';

export function describeJob(view: JobView): string {
  const many = view.images.length > 1;
  const rows = view.hosts.flatMap((host) => hostRows(host, many));
  const head = ['HOST', 'IMAGE', 'STATE', 'LACKED', 'FROM PEERS', 'RESUMED', 'HANDED OVER', 'RESULT'];
  const warning = view.warning === undefined ? '' : `warning: ${printable(view.warning)}\n`;
  return `${formatTable(head, rows)}${warning}${summaryLine(view)}\n`;
}

export function describeJobs(jobs: readonly JobSummary[]): string {
  const rows = jobs.map((view) => [
    view.id,
    view.state,
    view.class,
    `${view.counts.ready}/${view.counts.hosts}`,
    view.counts.failed === 0 ? '' : String(view.counts.failed),
    view.createdAt,
    view.images.map(({ reference }) => reference).join(' '),
  ]);
  return formatTable(['JOB', 'STATE', 'CLASS', 'READY', 'FAILED', 'CREATED', 'IMAGES'], rows);
}

function hostRows(host: JobHostView, many: boolean): string[][] {
  if (host.images.length === 0) return [[host.name, '', stateOf(host), '', '', '', '', errorTextOf(host)]];
  return host.images.map((image) => [
    host.name,
    many ? image.reference : '',
    host.images.length === 1 ? stateOf(host) : image.state,
    formatBytes(image.wantedBytes),
    formatBytes(image.peerBytes),
    formatBytes(image.resumedBytes),
    formatBytes(image.archiveBytes),
    resultOf(image, host),
  ]);
}

function stateOf({ state, online }: JobHostView): string {
  return online || state === 'ready' || state === 'failed' ? state : `${state} (offline)`;
}

function resultOf(image: ImageReport, host: JobHostView): string {
  if (image.error !== undefined) return `${image.error.text} (${image.error.code})`;
  if (image.state !== 'ready') return errorTextOf(host);
  if (image.exit === 'archive') return image.archivePath ?? 'archive written';
  if (image.exit === 'cache') return 'blobs kept';
  return image.archiveBytes === 0 ? 'was there already' : (image.imageId ?? '');
}

function summaryLine(view: JobView): string {
  const { id, state, hosts, counts, createdAt, finishedAt, originBytes } = view;
  const imageBytes = view.images.reduce((sum, image) => sum + image.imageBytes, 0);
  const took = finishedAt === undefined ? '' : ` in ${formatDuration(Date.parse(finishedAt) - Date.parse(createdAt))}`;
  const origin = `${formatBytes(originBytes)} from the registry (${formatCopies(originBytes, imageBytes)} the image)`;
  return `job ${id} ${state}: ${counts.ready} of ${counts.hosts} hosts ready${waveText(view)}${offlineText(hosts)}${took}; ${origin}${timesText(view)}`;
}
