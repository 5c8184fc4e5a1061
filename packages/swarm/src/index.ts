export type { Block, CloseReason, LinkId, LinkInfo, PeerId, SwarmEffect, SwarmEvent } from './events.ts';
export { pieceCount, pieceLengthFor, pieceSize } from './geometry.ts';
export { createNeighbourGraph, type NeighbourGraph, type NeighbourGraphOptions } from './neighbour-graph.ts';
export { PieceSet } from './piece-set.ts';
export { Swarm, type SwarmOptions } from './swarm.ts';
