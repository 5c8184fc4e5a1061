/**
 * One source a registry, opened when first needed and kept: logins and connections are worth keeping.
 */
import type { ImageSource } from '@shoal/registry';
import type { OpenSource } from './resolve-images.ts';

export interface SourcePool {
  open: OpenSource;
  close(): Promise<void>;
}

export function createSourcePool(openSource: OpenSource): SourcePool {
  const sources = new Map<string, Promise<ImageSource>>();
  return {
    async open(registryHost) {
      const known = await sources.get(registryHost);
      if (known !== undefined && (await known.isCurrent?.()) !== false) return known;
      if (known !== undefined) sources.delete(registryHost);
      void known?.close();
      const opening = openSource(registryHost);
      sources.set(registryHost, opening);
      opening.catch(() => sources.delete(registryHost));
      return opening;
    },
    async close() {
      const opened = await Promise.allSettled(sources.values());
      sources.clear();
      await Promise.all(opened.flatMap((source) => (source.status === 'fulfilled' ? source.value.close() : [])));
    },
  };
}
