/**
 * What the Windows child prints, judged line by line: adapters, or nothing. Lenient with the forms of a number, as
 * PowerShell writes them by version and culture; strict with what a counter may be.
 */

import type { NicBytes } from './nic-sum.ts';

export interface WindowsAdapter extends NicBytes {
  name: string;
  physical: boolean;
  up: boolean;
  linkBytesPerSecond: number | undefined;
}

/** A line of a hundred adapters is 15 kB. */
const MOST_LINE_CHARS = 256 * 1024;
/** A card without a link says 2^64 - 1 or 2^63 - 1. */
const MOST_BITS_PER_SECOND = 1e15;

/** Chunks to whole lines; what is longer than any line is dropped up to its end. */
export function createLineSplitter(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  let isTooLong = false;
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!isTooLong && line.trim() !== '') onLine(line);
      isTooLong = false;
    }
    if (rest.length <= MOST_LINE_CHARS) return;
    rest = '';
    isTooLong = true;
  };
}

/** Undefined for a line that is none of ours. An adapter without counters (it just went) is left out. */
export function parseAdapters(line: string): WindowsAdapter[] | undefined {
  const value = parseJson(line);
  if (!isRecord(value) || !('adapters' in value)) return undefined;
  const { adapters } = value;
  // Windows PowerShell writes a list of one as its element, and an empty one as null.
  const list = Array.isArray(adapters) ? adapters : [adapters];
  return list.flatMap((one) => parseAdapter(one) ?? []);
}

function parseAdapter(value: unknown): WindowsAdapter | undefined {
  if (!isRecord(value) || typeof value.name !== 'string' || value.name === '') return undefined;
  const receivedBytes = parseCount(value.receivedBytes);
  const sentBytes = parseCount(value.sentBytes);
  if (receivedBytes === undefined || sentBytes === undefined) return undefined;
  const bits = parseCount(value.linkBitsPerSecond);
  const up = value.up === true;
  const linkBytesPerSecond = up ? linkSpeed(bits) : 0;
  return { name: value.name, physical: value.physical === true, up, receivedBytes, sentBytes, linkBytesPerSecond };
}

function linkSpeed(bits: number | undefined): number | undefined {
  return bits !== undefined && bits > 0 && bits < MOST_BITS_PER_SECOND ? bits / 8 : undefined;
}

/** `1234567`, `"1234567"`, or with a culture's groups of three: `"1.234.567"`, `"1 234 567"`. */
function parseCount(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return /^\d+$/.test(text) || /^\d{1,3}(?:[.,'’\s]\d{3})+$/.test(text) ? Number(text.replace(/\D/g, '')) : undefined;
}

function parseJson(line: string): unknown {
  try {
    // The first line may begin with the mark of its encoding.
    return JSON.parse(line.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
