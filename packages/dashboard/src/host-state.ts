/** A host's states in the order in which the tracker numbers them. The page cannot import the tracker's code, only types. */
import type { HOST_STATES as NUMBERED } from '@shoal/tracker/client';

export const HOST_STATES: typeof NUMBERED = ['waiting', 'fetching', 'loading', 'ready', 'failed'];
export type HostState = (typeof NUMBERED)[number];
