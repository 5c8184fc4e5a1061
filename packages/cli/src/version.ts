/** Which Shoal this is and what it runs on. */
import { readFileSync } from 'node:fs';
import { arch, platform } from 'node:os';

export interface VersionInfo {
  version: string;
  node: string;
  platform: string;
}

export function shoalVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function versionInfo(): VersionInfo {
  return { version: shoalVersion(), node: process.versions.node, platform: `${platform()}/${arch()}` };
}
