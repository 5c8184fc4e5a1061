import { expect, it } from 'vitest';
import { pieceWaitMs } from './piece-wait.ts';

const MiB = 1024 * 1024;
const MBIT = 125_000;

it.each([
  ['without a cap', { pieceBytes: 4 * MiB, bytesPerSecond: Number.POSITIVE_INFINITY, pulls: 3 }, 10_000],
  ['under a cap that is no hindrance', { pieceBytes: 4 * MiB, bytesPerSecond: 100 * MBIT, pulls: 3 }, 10_000],
  ['under a low one for two and a half pieces', { pieceBytes: 4 * MiB, bytesPerSecond: MBIT, pulls: 1 }, 83_886],
  ['for longer when several blobs share it', { pieceBytes: 4 * MiB, bytesPerSecond: 4 * MBIT, pulls: 3 }, 62_915],
  ['for small pieces no longer than before', { pieceBytes: MiB / 4, bytesPerSecond: MBIT, pulls: 1 }, 10_000],
  ['not for ever when nothing may move', { pieceBytes: 4 * MiB, bytesPerSecond: 0, pulls: 1 }, 600_000],
])('a read in order waits %s', (_title, piece, ms) => {
  expect(pieceWaitMs(piece, 10_000)).toBe(ms);
});
