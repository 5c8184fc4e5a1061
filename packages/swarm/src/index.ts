export type { Block, Budget, CloseReason, LinkId, LinkInfo, PeerId, SwarmEffect, SwarmEvent } from './events.ts';
export { pieceCount, pieceLengthFor, pieceSize } from './geometry.ts';
export { createLeaseTable, LEASE_MS, type LeaseAnswer, type LeaseRequest, type LeaseTable } from './lease-table.ts';
export { createNeighbourGraph, type NeighbourGraph, type NeighbourGraphOptions } from './neighbour-graph.ts';
export { PieceSet } from './piece-set.ts';
export { randomFrom } from './random.ts';
export { Swarm, type SwarmOptions } from './swarm.ts';
export { CLASSES, ClassShares, type TrafficClass } from './traffic-class.ts';
export { TURNS_WAITING, UploadQueue } from './upload-queue.ts';
