/**
 * Where things are when nobody says so. The platform is an argument, so both sides are tested everywhere.
 */
import { join, posix, win32 } from 'node:path';

export interface HostDefaults {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  hostName: string;
  /** Where settings are looked for when nobody names a file. Default: the platform's own place. */
  configDir?: string;
}

export type Daemon = 'tracker' | 'agent';

/** Linux: /var/lib/shoal/tracker. Windows: %ProgramData%\shoal\tracker. */
export function defaultDataDir(daemon: Daemon, { platform, env }: HostDefaults): string {
  return platform === 'win32' ? win32.join(programData(env), 'shoal', daemon) : posix.join('/var/lib/shoal', daemon);
}

/** The same in words, wherever they are printed. */
export function defaultDataDirText(daemon: Daemon): string {
  return `/var/lib/shoal/${daemon}, on Windows %ProgramData%\\shoal\\${daemon}`;
}

/** Read when it is there. Linux: /etc/shoal/tracker.yaml. Windows: %ProgramData%\shoal\tracker.yaml. */
export function defaultConfigFile(daemon: Daemon, { platform, env, configDir }: HostDefaults): string {
  const name = `${daemon}.yaml`;
  if (configDir !== undefined) return join(configDir, name);
  return platform === 'win32' ? win32.join(programData(env), 'shoal', name) : posix.join('/etc/shoal', name);
}

function programData(env: HostDefaults['env']): string {
  return env.ProgramData ?? env.PROGRAMDATA ?? 'C:\\ProgramData';
}
