/**
 * Platform names: the many spellings of one architecture, and which platforms a host runs
 * besides its own. Rules and order are containerd's (platforms/database.go, compare.go).
 */
import type { Platform } from './descriptor.ts';

const ARCHITECTURES: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  x64: { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  i386: { architecture: '386' },
  i686: { architecture: '386' },
  ia32: { architecture: '386' },
  x86: { architecture: '386' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  armv7l: { architecture: 'arm', variant: 'v7' },
  armv6l: { architecture: 'arm', variant: 'v6' },
  armv8l: { architecture: 'arm', variant: 'v8' },
};

/** The variant that goes without saying, for each architecture that has any. */
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { amd64: 'v1', arm: 'v7', arm64: 'v8' };
const LOWEST_ARM = 5;

/** One spelling: OS in lower case, GOARCH names, a variant only where it says something. */
export function normalizePlatform(platform: Platform): Platform {
  const written = platform.architecture.toLowerCase();
  const known = Object.hasOwn(ARCHITECTURES, written) ? ARCHITECTURES[written] : undefined;
  const architecture = known?.architecture ?? written;
  const variant = normalizeVariant(architecture, platform.variant ?? known?.variant);
  return {
    os: platform.os.toLowerCase(),
    architecture,
    ...(variant !== undefined && { variant }),
    ...(platform.osVersion !== undefined && { osVersion: platform.osVersion }),
  };
}

/** `windows/amd64 10.0.20348.2113`, `linux/arm/v7`; as written, not normalised. Only on Windows does a version matter. */
export function describePlatform(platform: Platform): string {
  const variant = platform.variant ? `/${platform.variant}` : '';
  const hasVersion = platform.osVersion && platform.os.toLowerCase() === 'windows';
  const osVersion = hasVersion ? ` ${platform.osVersion}` : '';
  return `${platform.os || '?'}/${platform.architecture || '?'}${variant}${osVersion}`;
}

/** What a host (normalised) runs, best first. Windows runs its own architecture only. */
export function runnablePlatforms(host: Platform): Platform[] {
  const { os, architecture, variant } = host;
  if (os === 'windows') return [host];
  if (architecture === 'arm') return armLadder(os, variant);
  if (architecture === 'amd64') return [...variantLadder(host), { os, architecture: '386' }];
  if (architecture === 'arm64') return [...variantLadder(host), ...armLadder(os, 'v8')];
  return [host];
}

/** amd64 v3 also runs v2 and plain, arm64 v9 also plain. */
function variantLadder(host: Platform): Platform[] {
  const { os, architecture, variant } = host;
  const plain = { os, architecture };
  if (variant === undefined) return [plain];
  const lower = architecture === 'amd64' ? levelsBelow(variant, 2) : [];
  return [host, ...lower.map((level) => ({ ...plain, variant: level })), plain];
}

function armLadder(os: string, variant: string | undefined): Platform[] {
  const own = variant ?? 'v7';
  return [own, ...levelsBelow(own, LOWEST_ARM)].map((level) =>
    normalizePlatform({ os, architecture: 'arm', variant: level }),
  );
}

/** `v8` down to 5 → v7, v6, v5. */
function levelsBelow(variant: string, lowest: number): string[] {
  const level = /^v(\d{1,2})$/.exec(variant)?.[1];
  if (level === undefined) return [];
  const count = Math.max(0, Number(level) - lowest);
  return Array.from({ length: count }, (_, step) => `v${Number(level) - step - 1}`);
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  if (!variant) return undefined;
  const text = variant.toLowerCase();
  const level = /^\d/.test(text) ? `v${text}` : text;
  return DEFAULT_VARIANTS[architecture] === level ? undefined : level;
}
