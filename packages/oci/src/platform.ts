/**
 * Which manifest of an index a host runs, chosen as the Docker daemon chooses when it pulls, and
 * whether an image's own config suits the host. Reads no bytes: nested indexes are the caller's
 * to read.
 */
import type { Descriptor, Platform } from './descriptor.ts';
import { OciError } from './errors.ts';
import type { ImageConfig } from './image-config.ts';
import type { ImageIndex } from './manifest.ts';
import { isIndexMediaType, isManifestMediaType } from './media-types.ts';
import { describePlatform, normalizePlatform, runnablePlatforms } from './platform-names.ts';
import { fitsWindowsBuild, sameWindowsBuild, windowsBuild } from './windows-version.ts';

const MAX_PLATFORMS_NAMED = 20;

/**
 * The entry this host runs. How a caller gets from an index to one manifest:
 *
 * 1. `choosePlatform` on the index, read the document behind the descriptor, `parseManifest`;
 * 2. an index again (nested): back to 1 with it. A caller bounds the depth (4 is plenty);
 * 3. a manifest: read its config, `checkConfigPlatform`.
 *
 * A nested index, or a manifest, that names no platform is returned only when no entry of this
 * level matches by platform. `platformCandidates` has the others to try when it leads nowhere.
 *
 * @throws OciError NO_PLATFORM naming the platforms there are
 */
export function choosePlatform(index: ImageIndex, host: Platform): Descriptor {
  const [best] = platformCandidates(index, host);
  if (best !== undefined) return best;
  throw new OciError('NO_PLATFORM', `the image does not exist for ${describePlatform(host)}; ${namePlatforms(index)}`);
}

/** Every entry worth a try for this host, best first: matches by platform, then entries without one. */
export function platformCandidates(index: ImageIndex, host: Platform): Descriptor[] {
  const entries = index.manifests.filter(isImageEntry);
  const named = entries.filter((entry) => entry.platform !== undefined);
  const unnamed = entries.filter((entry) => entry.platform === undefined);
  const wanted = normalizePlatform(host);
  const matches = wanted.os === 'windows' ? windowsMatches(named, wanted) : ladderMatches(named, wanted);
  return [...matches, ...unnamed];
}

/**
 * For a single manifest, where no index chose.
 * @throws OciError NO_PLATFORM
 */
export function checkConfigPlatform(config: ImageConfig, host: Platform): void {
  const wanted = normalizePlatform(host);
  if (!runsConfig(wanted, normalizePlatform(config), config.variant === undefined)) {
    throw new OciError(
      'NO_PLATFORM',
      `the image is for ${describePlatform(config)} only; the host is ${describePlatform(host)}`,
    );
  }
  if (wanted.os === 'windows' && !fitsWindowsBuild(config.osVersion, hostBuild(wanted))) {
    throw new OciError(
      'NO_PLATFORM',
      `the image is for ${describePlatform(config)} only, which a ${describePlatform(host)} host cannot run: the Windows build of an image may not be above the host's`,
    );
  }
}

/** Configs seldom say their variant (an arm image for v6 says just `arm`): then any of the architecture will do. */
function runsConfig(host: Platform, image: Platform, anyVariant: boolean): boolean {
  return runnablePlatforms(host).some((platform) =>
    samePlatform(anyVariant ? { ...platform, variant: image.variant } : platform, image),
  );
}

/** moby distribution/pull_v2_windows.go, filterManifests: the UBR plays no part, the first wins. */
function windowsMatches(entries: Descriptor[], host: Platform): Descriptor[] {
  const candidates = entries.filter((entry) => samePlatform(platformOf(entry), host));
  if (candidates.length === 0) return [];
  const build = hostBuild(host);
  const fitting = candidates.filter((entry) => fitsWindowsBuild(entry.platform?.osVersion, build));
  const same = fitting.filter((entry) => sameWindowsBuild(entry.platform?.osVersion, host.osVersion));
  return [...same, ...fitting.filter((entry) => !same.includes(entry))];
}

/** containerd platforms.Only: the platforms a host runs, best first; within one, the first entry wins. */
function ladderMatches(entries: Descriptor[], host: Platform): Descriptor[] {
  return runnablePlatforms(host).flatMap((platform) =>
    entries.filter((entry) => samePlatform(platformOf(entry), platform)),
  );
}

function hostBuild(host: Platform): number {
  const build = windowsBuild(host.osVersion);
  if (build !== undefined) return build;
  throw new OciError(
    'NO_PLATFORM',
    `the host ${describePlatform(host)} does not say its Windows version (10.0.<build>), so no image can be chosen for it`,
  );
}

function platformOf(entry: Descriptor): Platform {
  return normalizePlatform(entry.platform ?? { os: '', architecture: '' });
}

function samePlatform(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && (a.variant ?? '') === (b.variant ?? '');
}

/** BuildKit's attestations stand in the index as manifests for unknown/unknown. */
function isImageEntry(entry: Descriptor): boolean {
  if (!isManifestMediaType(entry.mediaType) && !isIndexMediaType(entry.mediaType)) return false;
  if (entry.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest') return false;
  return entry.platform?.os !== 'unknown' && entry.platform?.architecture !== 'unknown';
}

function namePlatforms(index: ImageIndex): string {
  const entries = index.manifests.filter(isImageEntry);
  const names = [...new Set(entries.flatMap((entry) => (entry.platform ? [describePlatform(entry.platform)] : [])))];
  if (names.length === 0) return 'its index names no platform at all';
  const more = names.length > MAX_PLATFORMS_NAMED ? ` and ${names.length - MAX_PLATFORMS_NAMED} more` : '';
  return `there are: ${names.slice(0, MAX_PLATFORMS_NAMED).join(', ')}${more}`;
}
