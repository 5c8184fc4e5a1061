/**
 * The few calls Shoal makes of the Docker Engine API.
 *
 * Decides how the engine's answers are read (which store it has, which chains it holds). Does not decide what to send:
 * that is `loadImage`.
 */

import { type ChainId, chainIds, type DiffId } from '@shoal/oci';
import pLimit from 'p-limit';
import { createEngineHttp, type EngineHttp } from './engine-http.ts';
import { EngineError } from './errors.ts';
import { type LayerProgress, readLoadStream } from './load-stream.ts';

export interface EngineInfo {
  version: string;
  apiVersion: string;
  /** Who keeps images: classic graph drivers, or containerd; an image ID means another digest in each. */
  store: 'classic' | 'containerd';
  os: string;
  architecture: string;
  /** Windows only, `10.0.<build>…`. */
  osVersion?: string;
}

export interface EngineImage {
  imageId: string;
  repoTags: string[];
}

/** `repository` with its domain. */
export interface EngineTag {
  repository: string;
  tag: string;
}

/** Bytes sent so far, or one layer on its way from the engine's disk into its store. */
export type LoadProgress = { kind: 'sent'; archiveBytes: number } | ({ kind: 'layer' } & LayerProgress);

export interface LoadOptions {
  onProgress?: (progress: LoadProgress) => void;
  signal?: AbortSignal;
}

export interface EngineClient {
  readonly address: string;
  info(signal?: AbortSignal): Promise<EngineInfo>;
  /** Chains of all layers that images of this engine stand on; of those images whose names `counts` takes. */
  presentChains(signal?: AbortSignal, counts?: (names: readonly string[]) => boolean): Promise<Set<ChainId>>;
  /** Names of all images, `repository:tag`. */
  names(): Promise<string[]>;
  /** By name or by image ID. */
  findImage(name: string, signal?: AbortSignal): Promise<EngineImage | undefined>;
  /** Errors of `archive` itself pass unchanged; the engine then has dropped what it got. */
  load(archive: AsyncIterable<Uint8Array>, options?: LoadOptions): Promise<{ messages: string[] }>;
  /** Gives an image one more name. Rejects with ENGINE_FAILED when the engine has no such image. */
  tag(imageId: string, name: EngineTag): Promise<void>;
  /**
   * Takes a name away, without force: an image without another name goes with it, unless a container uses it, which
   * keeps the name, too (`in use`).
   */
  untag(name: EngineTag): Promise<'removed' | 'absent' | 'in use'>;
  close(): Promise<void>;
}

interface VersionAnswer {
  Version: string;
  ApiVersion: string;
  Os: string;
  Arch: string;
}

interface InfoAnswer {
  DriverStatus?: [string, string][] | null;
  OSVersion?: string;
}

interface ImageAnswer {
  Id: string;
  RepoTags?: string[] | null;
  RootFS?: { Layers?: string[] | null };
}

const PARALLEL_INSPECTS = 4;
const CONFLICT = 409;

/** Opens no connection yet. Throws INVALID_ADDRESS. `platform` is for tests. */
export function createEngineClient(options: { address: string; platform?: NodeJS.Platform }): EngineClient {
  const http = createEngineHttp(options.address, options.platform ?? process.platform);
  const readChains = createChainReader(http);
  return {
    address: options.address,
    info: (signal) => readInfo(http, signal),
    presentChains: (signal, counts = () => true) => readChains(counts, signal),
    names: async () => (await readImages(http)).flatMap(({ RepoTags }) => RepoTags ?? []),
    findImage: (name, signal) => findImage(http, name, signal),
    load: (archive, loadOptions = {}) => load(http, archive, loadOptions),
    tag: (imageId, name) => tag(http, imageId, name),
    untag: (name) => untag(http, name),
    close: () => http.close(),
  };
}

async function readInfo(http: EngineHttp, signal?: AbortSignal): Promise<EngineInfo> {
  const [version, info] = (await Promise.all([http.get('/version', signal), http.get('/info', signal)])) as [
    VersionAnswer | undefined,
    InfoAnswer | undefined,
  ];
  if (!version?.Version || !info) throw new EngineError('BAD_RESPONSE', '/version or /info is missing');
  const onContainerd = info.DriverStatus?.some(([, value]) => value === 'io.containerd.snapshotter.v1');
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    store: onContainerd ? 'containerd' : 'classic',
    os: version.Os,
    architecture: version.Arch,
    ...(version.Os === 'windows' && info.OSVersion ? { osVersion: info.OSVersion } : {}),
  };
}

async function findImage(http: EngineHttp, name: string, signal?: AbortSignal): Promise<EngineImage | undefined> {
  const image = (await http.get(`/images/${name}/json`, signal)) as ImageAnswer | undefined;
  return image && { imageId: image.Id, repoTags: image.RepoTags ?? [] };
}

/**
 * No call lists layers; their chains follow from the diffIDs of each image. Images are immutable, so what one stands on
 * is read once and forgotten with the image.
 */
function createChainReader(http: EngineHttp) {
  let known = new Map<string, ChainId[]>();
  const limit = pLimit(PARALLEL_INSPECTS);

  async function chainsOf(imageId: string, signal?: AbortSignal): Promise<ChainId[] | undefined> {
    const image = (await http.get(`/images/${imageId}/json`, signal)) as ImageAnswer | undefined;
    return image && chainIds((image.RootFS?.Layers ?? []) as DiffId[]);
  }

  return async (counts: (names: readonly string[]) => boolean, signal?: AbortSignal): Promise<Set<ChainId>> => {
    const list = await readImages(http, signal);
    const current = new Map<string, ChainId[]>();
    const read = list.map(({ Id }) =>
      limit(async () => {
        const chains = known.get(Id) ?? (await chainsOf(Id, signal));
        if (chains) current.set(Id, chains);
      }),
    );
    await Promise.all(read);
    known = current;
    return new Set(list.flatMap(({ Id, RepoTags }) => (counts(RepoTags ?? []) ? (current.get(Id) ?? []) : [])));
  };
}

async function readImages(http: EngineHttp, signal?: AbortSignal): Promise<ImageAnswer[]> {
  return ((await http.get('/images/json?all=1', signal)) ?? []) as ImageAnswer[];
}

async function tag(http: EngineHttp, imageId: string, name: EngineTag): Promise<void> {
  const asked = new URLSearchParams({ repo: name.repository, tag: name.tag });
  if (await http.change('POST', `/images/${imageId}/tag?${asked}`)) return;
  throw new EngineError('ENGINE_FAILED', `it has no image ${imageId}`);
}

async function untag(http: EngineHttp, { repository, tag }: EngineTag): Promise<'removed' | 'absent' | 'in use'> {
  try {
    return (await http.change('DELETE', `/images/${repository}:${tag}`)) ? 'removed' : 'absent';
  } catch (error) {
    if (error instanceof EngineError && error.engineStatus === CONFLICT) return 'in use';
    throw error;
  }
}

async function load(
  http: EngineHttp,
  archive: AsyncIterable<Uint8Array>,
  { onProgress, signal }: LoadOptions,
): Promise<{ messages: string[] }> {
  const upload = watchUpload(archive, (archiveBytes) => onProgress?.({ kind: 'sent', archiveBytes }));
  const onLayer = (progress: LayerProgress) => onProgress?.({ kind: 'layer', ...progress });
  try {
    // Absent `quiet` means true: no progress at all.
    const answer = await http.upload('/images/load?quiet=0', upload.body(), signal);
    return { messages: await readLoadStream(answer, onLayer) };
  } catch (error) {
    // A source that fails breaks the connection; its error is the cause, the broken connection is not.
    if (upload.failure && !signal?.aborted) throw upload.failure.error;
    throw http.translate(error, signal);
  }
}

interface UploadWatch {
  failure?: { error: unknown };
  body(): AsyncGenerator<Uint8Array>;
}

function watchUpload(archive: AsyncIterable<Uint8Array>, onSent: (archiveBytes: number) => void): UploadWatch {
  const watch: UploadWatch = { body };
  async function* body(): AsyncGenerator<Uint8Array> {
    let archiveBytes = 0;
    try {
      for await (const chunk of archive) {
        yield chunk;
        archiveBytes += chunk.length;
        onSent(archiveBytes);
      }
    } catch (error) {
      watch.failure = { error };
      throw error;
    }
  }
  return watch;
}
