/**
 * Which manifest of an image each host gets, whether it has it, and which hosts are behind with a base image.
 * Reads the registry for what the image is; what hosts have is what their jobs said.
 */
import { compareWindowsVersions, type Platform, parseReference } from '@shoal/oci';
import type { Coverage, HostCoverage, OutdatedHost } from '../client/coverage-schemas.ts';
import { meantHosts } from '../jobs/host-selector.ts';
import { type DocumentSources, parseReferences, platformKey, resolveImage } from '../resolve/resolve-images.ts';
import type { AgentRoster, KnownAgent } from '../session/agent-roster.ts';
import type { HostImageStore } from '../store/host-image-store.ts';

export interface CoverageDeps {
  roster: AgentRoster;
  hostImages: HostImageStore;
  sources: DocumentSources;
  /** Ids of the open jobs that bring an image to a host. */
  openJobs(peerId: string, reference: string): string[];
}

export interface CoverageDesk {
  /** Throws TrackerError NO_HOSTS, INVALID_SELECTOR, OciError, RegistryError. */
  coverage(image: string, hosts: string[] | undefined): Promise<Coverage>;
  /** Windows hosts whose image of this repository is older than themselves, or that have none by Shoal. */
  outdated(base: string, hosts: string[] | undefined): OutdatedHost[];
}

export function createCoverageDesk(deps: CoverageDeps): CoverageDesk {
  const hostsOf = (texts: string[] | undefined): KnownAgent[] => meantHosts(deps.roster.all(), texts);
  return {
    async coverage(text, texts) {
      const hosts = hostsOf(texts);
      const [reference] = parseReferences([text]);
      if (reference === undefined) throw new Error('one text is one reference');
      const platforms = hosts.map(({ platform }) => platform);
      const { image } = await resolveImage(deps.sources, reference, platforms);
      const ready = new Map(deps.hostImages.byReference(image.reference).map((one) => [one.peerId, one]));
      return {
        reference: image.reference,
        hosts: hosts.map((host): HostCoverage => {
          const choice = image.choices[platformKey(host.platform)];
          const variant = image.variants[choice?.variant ?? -1];
          const has = ready.get(host.peerId);
          const isReady = variant !== undefined && has?.digest === variant.manifest.digest;
          return {
            ...factsOf(host),
            digest: variant?.manifest.digest,
            imageBytes: variant?.imageBytes,
            ready: isReady,
            readyAt: has && isReady ? new Date(has.readyAtMs).toISOString() : undefined,
            jobs: deps.openJobs(host.peerId, image.reference),
            error: choice?.error,
          };
        }),
      };
    },
    outdated(base, texts) {
      const has = new Map(deps.hostImages.latestOf(repositoryOf(base)).map((image) => [image.peerId, image]));
      return hostsOf(texts)
        .filter(({ platform }) => platform.os === 'windows')
        .map((host) => ({ host, image: has.get(host.peerId) }))
        .filter(({ host, image }) => isBehind(image?.osVersion, host.platform))
        .map(({ host, image }) => ({
          ...factsOf(host),
          reference: image?.reference,
          imageVersion: image?.osVersion ?? undefined,
        }));
    },
  };
}

function isBehind(imageVersion: string | null | undefined, { osVersion }: Platform): boolean {
  if (imageVersion === undefined || imageVersion === null) return true;
  return osVersion !== undefined && compareWindowsVersions(imageVersion, osVersion) < 0;
}

function factsOf({ peerId, name, online, platform }: KnownAgent) {
  return { peerId, name, online, platform };
}

/** As hosts' images are kept: with the registry, without tag. */
export function repositoryOf(reference: string): string {
  const { registry, repository } = parseReference(reference);
  return `${registry}/${repository}`;
}
