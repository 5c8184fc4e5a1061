/**
 * A job as text: a row a host and image, then a line that sums it up. Decides what people read of it; programs get the
 * API's view.
 */
import type { ImageReport, JobHostView, JobView } from '@shoal/tracker/client';
import { formatBytes, formatCopies, formatDuration, formatTable, printable } from './format.ts';
import { errorTextOf, offlineText } from './job-progress.ts';

export function describeJob(view: JobView): string {
  const many = view.images.length > 1;
  const rows = view.hosts.flatMap((host) => hostRows(host, many));
  const head = ['HOST', 'IMAGE', 'STATE', 'LACKED', 'FROM PEERS', 'RESUMED', 'HANDED OVER', 'RESULT'];
  const warning = view.warning === undefined ? '' : `warning: ${printable(view.warning)}\n`;
  return `${formatTable(head, rows)}${warning}${summaryLine(view)}\n`;
}

export function describeJobs(views: readonly JobView[]): string {
  const rows = views.map((view) => [
    view.id,
    view.state,
    view.class,
    `${view.hosts.filter(({ state }) => state === 'ready').length}/${view.hosts.length}`,
    view.createdAt,
    view.images.map(({ reference }) => reference).join(' '),
  ]);
  return formatTable(['JOB', 'STATE', 'CLASS', 'READY', 'CREATED', 'IMAGES'], rows);
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
  const { id, state, hosts, createdAt, finishedAt, originBytes } = view;
  const ready = hosts.filter((host) => host.state === 'ready').length;
  const imageBytes = view.images.reduce((sum, image) => sum + image.imageBytes, 0);
  const took = finishedAt === undefined ? '' : ` in ${formatDuration(Date.parse(finishedAt) - Date.parse(createdAt))}`;
  const origin = `${formatBytes(originBytes)} from the registry (${formatCopies(originBytes, imageBytes)} the image)`;
  return `job ${id} ${state}: ${ready} of ${hosts.length} hosts ready${offlineText(hosts)}${took}; ${origin}`;
}
