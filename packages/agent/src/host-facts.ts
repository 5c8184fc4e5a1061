/**
 * What a host is and what takes its images: platform, engine and exit. The engine's word on the
 * platform counts; without one it is read from Node. One seam for Windows' names of things.
 */
import { arch, platform, release } from 'node:os';
import { join } from 'node:path';
import type { Platform } from '@shoal/oci';
import type { Logger } from 'pino';
import {
  createArrivingImages,
  createEngineClient,
  defaultEngineAddress,
  type EngineClient,
  type HeldImages,
  openHeldImages,
} from './engine/index.ts';
import { toSessionError } from './errors.ts';
import { createArchiveExit, createCacheExit, createEngineExit, type ImageExit } from './job/image-exit.ts';

export type ExitOptions =
  /** `address`: default is the engine of this host. */
  { kind: 'engine'; address?: string } | { kind: 'archive'; folder: string } | { kind: 'cache' };

export interface HostFacts {
  platform: Platform;
  engine: { version: string; store: 'classic' | 'containerd' } | null;
}

export interface OpenedExit {
  exit: ImageExit;
  /** Of an engine. */
  held: HeldImages | undefined;
  /** Asked at start and after each lost session: an engine may come up later or be upgraded. */
  readFacts(): Promise<HostFacts>;
  close(): Promise<void>;
}

export async function openExit(options: ExitOptions, dataDir: string, logger: Logger): Promise<OpenedExit> {
  if (options.kind === 'archive') return withoutEngine(createArchiveExit(options.folder));
  if (options.kind === 'cache') return withoutEngine(createCacheExit());
  const engine = createEngineClient({ address: options.address ?? defaultEngineAddress(process.platform) });
  const held = await openHeldImages(join(dataDir, 'held.json'), engine, logger);
  const arriving = createArrivingImages(engine, logger);
  return {
    ...{ exit: createEngineExit(engine, held, arriving), held },
    async readFacts() {
      const facts = await readFacts(engine, logger);
      if (facts.engine !== null) await arriving.sweep();
      return facts;
    },
    close: () => engine.close(),
  };
}

function withoutEngine(exit: ImageExit): OpenedExit {
  const facts = { platform: platformOf({ platform: platform(), arch: arch(), release: release() }), engine: null };
  return { exit, held: undefined, readFacts: async () => facts, close: async () => {} };
}

async function readFacts(engine: EngineClient, logger: Logger): Promise<HostFacts> {
  try {
    const { version, store, os, architecture, osVersion } = await engine.info();
    return {
      platform: { os, architecture, ...(osVersion === undefined ? {} : { osVersion }) },
      engine: { version, store },
    };
  } catch (error) {
    const { code, text } = toSessionError(error);
    logger.warn(
      { event: 'engine down', code, untrusted: text },
      'the engine does not answer; images cannot be loaded until it does',
    );
    return { platform: platformOf({ platform: platform(), arch: arch(), release: release() }), engine: null };
  }
}

/** Node's names to OCI's. On Windows `release` is `10.0.<build>`, what images are chosen by. */
export function platformOf(host: { platform: string; arch: string; release: string }): Platform {
  const os = host.platform === 'win32' ? 'windows' : host.platform;
  const architecture = { x64: 'amd64', ia32: '386' }[host.arch] ?? host.arch;
  return os === 'windows' ? { os, architecture, osVersion: host.release } : { os, architecture };
}
