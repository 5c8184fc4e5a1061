/** How the side of the foreign clients looks up a swarm: by digest, undefined while the blob has none. */
import type { Swarm } from '../swarms/swarm.ts';

export type SwarmOf = (digest: string) => Swarm | undefined;
