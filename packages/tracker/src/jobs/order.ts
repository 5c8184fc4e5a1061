/**
 * An order before it is a job: which hosts it means, and whether its times and numbers make sense. Pure.
 */
import type { JobRequest, JobTerms } from '../client/job-schemas.ts';
import { jobTermsSchema, wavesSchema } from '../client/job-schemas.ts';
import { TrackerError } from '../errors.ts';
import { type HostCandidate, meantHosts } from './host-selector.ts';
import { shareOf, shuffled } from './waves.ts';

/** In the order in which waves take them. Throws TrackerError INVALID_SELECTOR, NO_HOSTS. */
export function hostsOf<T extends HostCandidate>(known: readonly T[], { hosts, percent }: JobRequest): T[] {
  const inOrder = shuffled(meantHosts(known, hosts));
  return percent === undefined ? inOrder : inOrder.slice(0, shareOf(inOrder.length, percent));
}

/** Defaults filled in. Throws TrackerError INVALID_ORDER. */
export function termsOf(request: JobRequest, nowMs: number): JobTerms {
  const { images: _, hosts: __, class: ___, waves, ...rest } = request;
  const terms = jobTermsSchema.parse({ ...rest, ...(waves && { waves: wavesSchema.parse(waves) }) });
  const [at, by, keepUntil] = [terms.at, terms.by, terms.keepUntil].map((text) => text && Date.parse(text)) as number[];
  const refuse = (text: string) => {
    throw new TrackerError('INVALID_ORDER', text);
  };
  if (by !== undefined && by <= nowMs) refuse(`the deadline ${terms.by} is in the past`);
  if (by !== undefined && at !== undefined && by <= at) refuse(`the deadline ${terms.by} is not after ${terms.at}`);
  if (keepUntil !== undefined && keepUntil <= Math.max(nowMs, at ?? 0))
    refuse(`${terms.keepUntil} is too early to keep`);
  if (terms.standing && terms.percent !== undefined) refuse('a standing order is for all hosts that match: no percent');
  const percents = terms.waves?.percents ?? [];
  if (percents.some((percent, index) => percent <= (percents[index - 1] ?? 0))) refuse('waves must grow: 1,10,100');
  return terms;
}
