/** `shoal cache`: what the agent of this host keeps, why, and what it is to let go of or look at again. */
import type { CacheView, RemoveView, VerifyEvent } from '@shoal/agent';
import { Argument, Command } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { formatBytes, formatTable, percentOf } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { createProgress } from '../output/progress.ts';
import { addLocalAgentOptions, type LocalAgentFlags, openLocalAgent } from '../people/local-agent.ts';

type Flags = LocalAgentFlags & { json: boolean };
type VerifiedBlob = Omit<Extract<VerifyEvent, { type: 'blob' }>, 'type'>;

export function cacheCommand(io: Io): Command {
  return new Command('cache')
    .description('what the agent of this host keeps: list, remove, check again')
    .addCommand(listCommand(io))
    .addCommand(removeCommand(io))
    .addCommand(verifyCommand(io));
}

function listCommand(io: Io): Command {
  const command = new Command('ls').description('list blobs with why they stay, and images held in the engine');
  return addLocalAgentOptions(command).action(async ({ json, ...place }: Flags) => {
    const view = await openLocalAgent(place, io).ask<CacheView>('GET', '/v1/cache');
    io.stdout(json ? `${JSON.stringify(view)}\n` : describeCache(view));
  });
}

function removeCommand(io: Io): Command {
  const command = new Command('rm')
    .description('remove blobs, or let go of held images; what an open job or a pull needs is refused')
    .addArgument(new Argument('[digests...]', 'as "shoal cache ls" shows them'))
    .option('--unused', 'remove all blobs that nobody needs and no job keeps', false);
  return addLocalAgentOptions(command).action(
    async (digests: string[], { json, unused, ...place }: Flags & { unused: boolean }) => {
      if (unused === digests.length > 0) throw new CliError('WRONG_USAGE', 'Give digests, or --unused.');
      checkDigests(digests);
      const request = unused ? { unused: true } : { digests };
      const view = await openLocalAgent(place, io).ask<RemoveView>('POST', '/v1/cache/rm', request);
      io.stdout(json ? `${JSON.stringify(view)}\n` : describeRemoved(view));
      if (!json) for (const { digest, why } of view.refused) io.stderr(`${digest} is not removed: ${why}\n`);
      if (view.refused.length > 0) io.setExitCode(EXIT.failed);
    },
  );
}

function verifyCommand(io: Io): Command {
  const command = new Command('verify')
    .description('hash blobs again; what is wrong is dropped, fetched again when needed, and ends this with 1')
    .addArgument(new Argument('[digests...]', 'as "shoal cache ls" shows them; default: all'));
  return addLocalAgentOptions(command).action(async (digests: string[], { json, ...place }: Flags) => {
    checkDigests(digests);
    const request = digests.length === 0 ? {} : { digests };
    const progress = createProgress(io);
    const blobs: VerifiedBlob[] = [];
    try {
      for await (const event of openLocalAgent(place, io).lines<VerifyEvent>('/v1/cache/verify', request)) {
        const { digest } = event;
        if (event.type === 'progress') {
          const { doneBytes: done, totalBytes: total } = event;
          const row = { name: digest.slice(0, 19), done, total, detail: formatBytes(total) };
          progress.show([row], `${digest}: ${percentOf(done, total)} % of ${formatBytes(total)} hashed`);
        } else {
          const { type: _type, ...blob } = event;
          blobs.push(blob);
        }
      }
    } finally {
      progress.stop();
    }
    const wrong = blobs.filter(({ result }) => result === 'wrong').length;
    io.stdout(json ? `${JSON.stringify({ blobs, wrong })}\n` : describeVerified(blobs, wrong));
    if (wrong > 0) io.setExitCode(EXIT.failed);
  });
}

function checkDigests(digests: readonly string[]): void {
  const wrong = digests.find((digest) => !/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(digest));
  if (wrong !== undefined)
    throw new CliError('WRONG_USAGE', `"${wrong}" is not a digest such as sha256:…; "shoal cache ls" lists them.`);
}

function describeCache(view: CacheView): string {
  const rows = view.content.map(({ digest, bytes, heldBytes, usedAt, keepUntil, stays }) => [
    digest,
    formatBytes(bytes),
    `${percentOf(heldBytes, bytes)} %`,
    usedAt,
    keepUntil ?? '',
    stays ?? '',
  ]);
  const held = view.heldImages.map(({ tag, imageId, reference, keepUntil }) => [tag, imageId, reference, keepUntil]);
  const tables = [formatTable(['BLOB', 'SIZE', 'HELD', 'LAST USED', 'KEPT UNTIL', 'STAYS AS'], rows)];
  if (held.length > 0) tables.push(formatTable(['HELD IN THE ENGINE', 'IMAGE ID', 'ORDERED AS', 'KEPT UNTIL'], held));
  return `${tables.join('\n')}\n${budgetText(view)}\n`;
}

/** `12.3 GB of 51.2 GB in 17 blobs`. */
export function budgetText({ bytes, budgetBytes, blobs, overBudgetBytes }: CacheView | CacheFacts): string {
  const limit = budgetBytes === null ? 'no budget' : `of ${formatBytes(budgetBytes)}`;
  const over =
    overBudgetBytes > 0 ? `; ${formatBytes(overBudgetBytes)} too much, all of it needed: raise cache.budget` : '';
  return `${formatBytes(bytes)} ${limit} in ${blobs} ${blobs === 1 ? 'blob' : 'blobs'}${over}`;
}

type CacheFacts = Pick<CacheView, 'bytes' | 'budgetBytes' | 'blobs' | 'overBudgetBytes'>;

function describeRemoved({ removed }: RemoveView): string {
  const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
  const lines = removed.map(({ digest }) => `removed ${digest}\n`);
  return `${lines.join('')}${removed.length} removed, ${formatBytes(bytes)} free again\n`;
}

function describeVerified(blobs: readonly VerifiedBlob[], wrong: number): string {
  const rows = blobs.map(({ digest, result, why }) => [digest, result, why ?? '']);
  const dropped = wrong > 0 ? ' and dropped' : '';
  return `${formatTable(['BLOB', 'RESULT', 'WHY'], rows)}\n${wrong} of ${blobs.length} wrong${dropped}\n`;
}
