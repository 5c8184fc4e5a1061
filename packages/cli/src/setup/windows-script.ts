/** From the flags of `shoal setup --windows` to its script. Decides where things are on that host. */
import { win32 } from 'node:path';
import { defaultDataDir } from '../config/defaults.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { knowsProxiesKey } from './docker-plan.ts';
import { type Program, urlOf } from './plan.ts';
import { setupScript, undoScript, type WindowsPlace } from './powershell.ts';
import { PROXY_CA_FILE, readPlace, readSettings, type SettingFlags } from './read-settings.ts';
import { HUB, isLoopback } from './registry-hosts.ts';

/** Throws ConfigError, CliError WRONG_USAGE. */
export function windowsScript(
  program: Program | undefined,
  flags: SettingFlags & { undo: boolean; engineVersion?: string },
  io: Io,
): string {
  if (program !== 'docker' && program !== undefined)
    throw new CliError('WRONG_USAGE', `on Windows there is a setup for docker only; ${program} is for Linux.`);
  const place = placeOn(flags, io);
  if (flags.undo) return undoScript(place);
  const settings = readSettings(flags, io);
  return setupScript({
    ...{ proxyUrl: urlOf(settings), mirror: settings.hosts.includes(HUB), place },
    proxied: settings.hosts.filter((one) => one !== HUB && !isLoopback(one)),
    byKey: knowsProxiesKey(flags.engineVersion),
  });
}

/** An agent.yaml read on Linux may say where things are on Linux; then a Windows host's defaults hold. */
function placeOn(flags: SettingFlags, io: Io): WindowsPlace {
  const onWindows = io.host.platform === 'win32';
  const defaults = { ...io.host, platform: 'win32' as const, env: onWindows ? io.host.env : {} };
  const dataDir = onWindows ? readPlace(flags, io).dataDir : (flags.dataDir ?? defaultDataDir('agent', defaults));
  return { caFile: win32.join(dataDir, PROXY_CA_FILE), keepFolder: win32.join(dataDir, 'setup', 'docker') };
}
