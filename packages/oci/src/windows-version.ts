/**
 * Windows versions as images carry them: `<major>.<minor>.<build>.<UBR>`. Decides whether an
 * image's build suits a host's, by the rule of the Docker daemon: not above it.
 */

/** The third field of `10.0.20348.2113`; undefined when there is none. */
export function windowsBuild(osVersion: string | undefined): number | undefined {
  const build = osVersion?.split('.')[2];
  return build !== undefined && /^\d{1,9}$/.test(build) ? Number(build) : undefined;
}

/** An image that does not say its build is let through, as moby's checkImageCompatibility does. */
export function fitsWindowsBuild(imageOsVersion: string | undefined, hostBuild: number): boolean {
  return (windowsBuild(imageOsVersion) ?? 0) <= hostBuild;
}

/** Same major, minor and build; the UBR is not compared. */
export function sameWindowsBuild(imageOsVersion: string | undefined, hostOsVersion: string | undefined): boolean {
  const prefix = hostOsVersion?.split('.').slice(0, 3).join('.');
  return prefix !== undefined && (imageOsVersion === prefix || imageOsVersion?.startsWith(`${prefix}.`) === true);
}

/** Below zero when `a` is older: by build, then by revision. What is missing counts as 0. */
export function compareWindowsVersions(a: string, b: string): number {
  const [one, other] = [a, b].map((version) => version.split('.').map(Number));
  for (const part of [0, 1, 2, 3]) {
    const difference = (one?.[part] ?? 0) - (other?.[part] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

/** Windows Server 2016, the last build whose containers run only on hosts of the very same revision. */
const REVISION_BOUND_BUILD = 14393;

/**
 * Whether a host runs the image with regard to its revision (UBR): from build 16299 on any will do. An image or a host
 * that does not say its revision is let through. Source: Microsoft's version compatibility of Windows containers.
 */
export function runsRevision(imageOsVersion: string | undefined, hostOsVersion: string | undefined): boolean {
  if (windowsBuild(hostOsVersion) !== REVISION_BOUND_BUILD || windowsBuild(imageOsVersion) !== REVISION_BOUND_BUILD) {
    return true;
  }
  const [image, host] = [imageOsVersion, hostOsVersion].map((version) => version?.split('.')[3]);
  return image === undefined || host === undefined || image === host;
}
