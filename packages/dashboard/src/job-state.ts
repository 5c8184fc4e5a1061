/** Which states of a job are open. The page cannot import the tracker's code, only types. */
import type { JobState } from '@shoal/tracker/client';

const OPEN: readonly JobState[] = ['scheduled', 'running', 'paused', 'standing'];

export function isOpenState(state: JobState): boolean {
  return OPEN.includes(state);
}
