/**
 * Reads the JSON lines the engine answers `POST /images/load` with: bytes in, progress, messages and refusals out.
 *
 * The engine always answers 200, so a refusal is found here and nowhere else. Does not touch the network.
 */

import { EngineError } from './errors.ts';

/** One layer on its way into the engine's store; `layer` is the start of its diffID. */
export interface LayerProgress {
  layer: string;
  currentBytes: number;
  totalBytes: number;
}

interface LoadLine {
  stream?: string;
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  errorDetail?: { message?: string };
  error?: string;
}

const MAX_LINE_CHARS = 1 << 20;

// The containerd store (28, 29) reports a failed unpack as an ordinary message.
const HIDDEN_FAILURE = /^error unpacking image/i;

/** Returns what the engine said; throws LOAD_REFUSED or ENGINE_DISK_FULL with its own words. */
export async function readLoadStream(
  body: AsyncIterable<Uint8Array>,
  onProgress?: (progress: LayerProgress) => void,
): Promise<string[]> {
  const messages: string[] = [];
  for await (const text of splitLines(body)) {
    const line = parseLine(text);
    const refusal = line.errorDetail?.message ?? line.error;
    if (refusal !== undefined) throw refused(refusal);
    const message = line.stream?.trim();
    if (message && HIDDEN_FAILURE.test(message)) throw refused(message);
    if (message) messages.push(message);
    const progress = layerProgress(line);
    if (progress) onProgress?.(progress);
  }
  return messages;
}

export function refused(engineText: string): EngineError {
  const words = engineText.trim();
  if (/no space left on device|not enough space on the disk/i.test(words)) {
    return new EngineError('ENGINE_DISK_FULL', `free space under its data root and try again; it said: ${words}`, {
      engineText: words,
    });
  }
  return new EngineError('LOAD_REFUSED', `it said: ${words}`, { engineText: words });
}

async function* splitLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw new EngineError('BAD_RESPONSE', 'a line of more than a mebibyte');
    yield* lines.filter((line) => line.trim() !== '');
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield rest;
}

function parseLine(text: string): LoadLine {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null) return line as LoadLine;
  } catch {
    // reported below with the text itself
  }
  throw new EngineError('BAD_RESPONSE', `expected a line of JSON, got: ${text.trim().slice(0, 200)}`);
}

function layerProgress(line: LoadLine): LayerProgress | undefined {
  const { current, total } = line.progressDetail ?? {};
  if (line.id === undefined || current === undefined || total === undefined) return undefined;
  return { layer: line.id, currentBytes: current, totalBytes: total };
}
