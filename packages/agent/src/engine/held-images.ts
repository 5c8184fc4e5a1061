/**
 * Images that this agent holds in the engine by a tag of its own: `shoal.local/held/<repository>:<image ID>`. A monthly
 * tag moves on, and what it named before would dangle and be pruned, with the layers that the next images stand on.
 *
 * Which are held: those of jobs with a `keepUntil`, no others. A host cannot know which image is a base of others, and
 * one that holds everything fills its engine; who orders knows, and says so by a date. The tag goes when the date has
 * passed and no open job names the image, or by `shoal cache rm`. It is taken away without force: a container keeps its
 * image.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { toSessionError, toStoreError } from '../errors.ts';
import { replaceFile } from '../store/replace-file.ts';
import type { EngineClient, EngineTag } from './engine-client.ts';
import { ownRepository, shortId } from './own-names.ts';

export interface HeldImage extends EngineTag {
  imageId: string;
  /** Under which it was ordered. */
  reference: string;
  manifestDigest: string;
  /** Milliseconds since the epoch. */
  keepUntilMs: number;
}

export interface HoldRequest extends Pick<HeldImage, 'imageId' | 'reference' | 'manifestDigest' | 'keepUntilMs'> {
  /** Without registry. */
  repository: string;
}

export interface HeldImages {
  /** Never rejects: an image that cannot be held is loaded all the same. */
  hold(image: HoldRequest): Promise<void>;
  list(): readonly HeldImage[];
  /** Lets go of those whose time has passed. Never rejects; what a container or a dead engine keeps is tried again. */
  round(nowMs: number, isNamed: (manifestDigest: string) => boolean): Promise<void>;
  /** False: a container uses it, and has no other name for it. Rejects with the engine's error. */
  letGo(image: HeldImage): Promise<boolean>;
}

export type TaggingEngine = Pick<EngineClient, 'tag' | 'untag'>;

export async function openHeldImages(path: string, engine: TaggingEngine, logger: Logger): Promise<HeldImages> {
  let images = decode(await readFile(path).catch(() => undefined));
  let saving = Promise.resolve();

  const replace = (next: HeldImage[]): Promise<void> => {
    images = next;
    saving = saving
      .then(() => replaceFile(path, Buffer.from(JSON.stringify(images))))
      .catch((error: unknown) => {
        const { code, message } = toStoreError(error, path);
        logger.warn({ event: 'held images not written', code, untrusted: message }, 'the list of held images is old');
      });
    return saving;
  };
  const without = (image: HeldImage): HeldImage[] => images.filter((held) => nameOf(held) !== nameOf(image));

  const letGo = async (image: HeldImage): Promise<boolean> => {
    if ((await engine.untag(image)) === 'in use') return false;
    await replace(without(image));
    logger.info({ event: 'image let go', reference: image.reference, imageId: image.imageId }, 'image let go');
    return true;
  };
  return {
    async hold({ repository, ...facts }) {
      const image: HeldImage = {
        ...facts,
        ...{ repository: ownRepository('held', repository), tag: shortId(facts.imageId) },
      };
      const known = images.find((held) => nameOf(held) === nameOf(image));
      const keepUntilMs = Math.max(known?.keepUntilMs ?? 0, image.keepUntilMs);
      await replace([...without(image), { ...image, keepUntilMs }]); // a tag that nobody remembers would stay for ever
      try {
        await engine.tag(image.imageId, image);
      } catch (error) {
        await replace(without(image));
        const { code, text } = toSessionError(error);
        logger.warn(
          { event: 'image not held', reference: image.reference, code, untrusted: text },
          'an image is loaded but not held by a tag: the engine may prune it once its own tag moves on',
        );
      }
    },
    list: () => images,
    async round(nowMs, isNamed) {
      const due = images.filter((image) => image.keepUntilMs <= nowMs && !isNamed(image.manifestDigest));
      for (const image of due) {
        const gone = await letGo(image).catch((error: unknown) => toSessionError(error));
        if (gone === true) continue;
        logger.debug({ event: 'image still held', reference: image.reference, why: gone || 'in use' }, 'still held');
      }
    },
    letGo,
  };
}

/** As an operator writes it. */
export function nameOf({ repository, tag }: EngineTag): string {
  return `${repository}:${tag}`;
}

function decode(bytes: Uint8Array | undefined): HeldImage[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString('utf8'));
    return Array.isArray(value) ? value.filter(isHeldImage) : [];
  } catch {
    return [];
  }
}

function isHeldImage(value: unknown): value is HeldImage {
  const image = (value ?? {}) as Record<string, unknown>;
  const texts = ['repository', 'tag', 'imageId', 'reference', 'manifestDigest'].every(
    (key) => typeof image[key] === 'string',
  );
  return texts && Number.isFinite(new Date(Number(image.keepUntilMs)).getTime());
}
