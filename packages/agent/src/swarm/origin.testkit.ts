/** An in-memory twin of a registry's blobs: what was read from where, and where it breaks off. */
import type { ImageSource } from '@shoal/registry';

export interface TwinSource extends ImageSource {
  /** `digest@offset` of each read. */
  reads: string[];
  closed: number;
  sentBytes: number;
}

export interface TwinSourceOptions {
  chunkBytes?: number;
  /** Throws this once so many bytes of a read were given. */
  cut?: { afterBytes: number; error: Error };
  /** Awaited before each chunk. */
  beforeChunk?(position: number): Promise<void> | void;
}

export function twinSource(blobs: { digest: string; bytes: Buffer }[], options: TwinSourceOptions = {}): TwinSource {
  const { chunkBytes = 10_000, cut, beforeChunk } = options;
  const unused = async (): Promise<never> => {
    throw new Error('the tracker resolves, not the seeder');
  };
  const source: TwinSource = {
    ...{ name: 'twin', reads: [], closed: 0, sentBytes: 0, resolve: unused, manifest: unused },
    async *readBlob(_repository, { digest }, { offset = 0, end, signal } = {}) {
      source.reads.push(`${digest}@${offset}`);
      const bytes = (blobs.find((blob) => blob.digest === digest)?.bytes ?? Buffer.alloc(0)).subarray(0, end);
      for (let position = offset; position < bytes.length; position += chunkBytes) {
        if (cut !== undefined && position - offset >= cut.afterBytes) throw cut.error;
        await beforeChunk?.(position);
        signal?.throwIfAborted();
        const chunk = bytes.subarray(position, position + chunkBytes);
        source.sentBytes += chunk.length;
        yield chunk;
      }
    },
    close: async () => {
      source.closed++;
    },
  };
  return source;
}
