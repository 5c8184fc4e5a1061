/**
 * The first layers of an image go into the engine while the others are on their way: unpacking takes an engine longer
 * than a fast network needs to bring the bytes, and at the end one layer is left to unpack, not all of them.
 *
 * Until the image is there they stand in the engine as an image of their own, `shoal.local/arriving/<repository>:<image
 * ID>-<layers>`: the name keeps them from being pruned, and says whose they are to whoever sees it. Only classic stores,
 * which number Windows' among them: a containerd store unpacks by other rules.
 */
import { type Digest, imageOfFirstLayers, parseManifest, parseReference } from '@shoal/oci';
import type { Logger } from 'pino';
import { toSessionError } from '../errors.ts';
import type { ReadBlob } from './archive-writer.ts';
import type { EngineClient, EngineTag } from './engine-client.ts';
import { nameOf } from './held-images.ts';
import type { ImageParts } from './image-parts.ts';
import { loadImage } from './load-image.ts';
import { isOwnName, ownRepository, shortId } from './own-names.ts';

export interface ArrivingImages {
  /** Less is not worth a load of its own. */
  readonly littleBytes: number;
  /**
   * Takes in the layers that stand before `next`, all of which are there. Resolves with the bytes sent. Never rejects: what
   * went wrong here goes wrong again when the whole image is loaded, and is told then.
   */
  takeIn(image: ImageParts, next: Digest, options: { readBlob: ReadBlob; signal: AbortSignal }): Promise<number>;
  /** The image is there or will not come: the name goes, and with it the layers that no other image has. Never rejects. */
  end(image: ImageParts): Promise<void>;
  /** Lets go of what an agent left that was killed. Never rejects. */
  sweep(): Promise<void>;
}

const LITTLE_BYTES = 16 * 1024 * 1024;

export function createArrivingImages(engine: EngineClient, logger: Logger): ArrivingImages {
  /** By image: the names its layers have now. */
  const arriving = new Map<Digest, EngineTag[]>();

  const letGo = async (name: EngineTag): Promise<void> => {
    try {
      await engine.untag(name);
    } catch (error) {
      const { code, text } = toSessionError(error);
      logger.warn(
        { event: 'image in parts left', name: nameOf(name), code, untrusted: text },
        'it goes at the next start',
      );
    }
  };
  return {
    littleBytes: LITTLE_BYTES,
    async takeIn({ reference, manifest, config }, next, { readBlob, signal }) {
      const count = layersBefore(manifest, next);
      if (count === 0) return 0;
      try {
        if ((await engine.info(signal)).store === 'containerd') return 0;
        const repository = ownRepository('arriving', reference.repository);
        const name: EngineTag = { repository, tag: `${shortId(config.digest)}-${count}` };
        const before = arriving.get(config.digest) ?? [];
        arriving.set(config.digest, [...before, name]);
        const first = { ...imageOfFirstLayers({ manifest, config }, count), reference: parseReference(nameOf(name)) };
        const { archiveBytes } = await loadImage(engine, { ...first, readBlob, signal });
        const isWanted = arriving.get(config.digest)?.includes(name);
        if (isWanted) arriving.set(config.digest, [name]);
        await Promise.all((isWanted ? before : [name]).map(letGo)); // the new one stands on the layers of those before
        return archiveBytes;
      } catch (error) {
        if (signal.aborted) return 0;
        const { code, text } = toSessionError(error);
        logger.warn({ event: 'layers not taken in', code, untrusted: text }, 'they are loaded with the whole image');
        return 0;
      }
    },
    async end({ config }) {
      const names = arriving.get(config.digest) ?? [];
      arriving.delete(config.digest);
      await Promise.all(names.map(letGo));
    },
    async sweep() {
      const known = new Set([...arriving.values()].flat().map(nameOf));
      const names = await engine.names().catch(() => []);
      const left = names.filter((name) => isOwnName('arriving', name) && !known.has(name));
      await Promise.all(left.map((name) => letGo(parseName(name))));
    },
  };
}

/** How many layers stand before the first that is this blob. */
function layersBefore({ bytes, mediaType }: ImageParts['manifest'], next: Digest): number {
  const manifest = parseManifest(bytes, mediaType);
  return manifest.kind === 'index' ? 0 : manifest.layers.findIndex(({ digest }) => digest === next);
}

function parseName(name: string): EngineTag {
  const colon = name.lastIndexOf(':');
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}
