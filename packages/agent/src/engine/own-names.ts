/** The names that Shoal itself gives to images in an engine: `shoal.local/<why>/<repository>`. */

const DOMAIN = 'shoal.local';
/** Of a name in an engine, less its tag. */
const MAX_REPOSITORY_CHARS = 255;
/** As `docker images` shows an image ID. */
const SHORT_DIGITS = 12;

/** Why an image has such a name: it is kept for a job, or its other layers are on their way. */
export type OwnName = 'held' | 'arriving';

/** A name too long for the engine loses its front: the end says more. */
export function ownRepository(why: OwnName, repository: string): string {
  const parts = repository.split('/');
  const prefix = `${DOMAIN}/${why}/`;
  while (parts.length > 1 && prefix.length + parts.join('/').length > MAX_REPOSITORY_CHARS) parts.shift();
  return prefix + parts.join('/');
}

export function isOwnName(why: OwnName, name: string): boolean {
  return name.startsWith(`${DOMAIN}/${why}/`);
}

export function shortId(imageId: string): string {
  return imageId.replace(/^[^:]*:/, '').slice(0, SHORT_DIGITS);
}
