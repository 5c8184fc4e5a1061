/*
 * What setup decides by: which Node will do, and whether node_modules is what the lock file says. Reads nothing itself.
 */

export const REQUIRED_NODE = '20.19';

/** @param {string} version such as '20.19.1' */
export function isSupportedNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [requiredMajor = 0, requiredMinor = 0] = REQUIRED_NODE.split('.').map(Number);
  return major > requiredMajor || (major === requiredMajor && minor >= requiredMinor);
}

/**
 * By content, not by time: git writes new times on every checkout.
 * @param {{ packages?: Record<string, LockEntry> }} lock package-lock.json
 * @param {{ packages?: Record<string, LockEntry> } | undefined} installed node_modules/.package-lock.json
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} LockEntry
 */
export function isInstalled(lock, installed) {
  if (!lock.packages || !installed?.packages) return false;
  return Object.entries(lock.packages).every(([place, wanted]) => {
    if (!place.startsWith('node_modules/')) return true;
    const found = installed.packages?.[place];
    // Optional: a build for another platform, rightly left out.
    if (!found) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}
