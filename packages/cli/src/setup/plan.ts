/** What a setup of one program comes to: which files, with what in them. The planners make it; apply.ts carries it out. */

export const PROGRAMS = ['docker', 'containerd', 'podman'] as const;
export type Program = (typeof PROGRAMS)[number];

export interface Plan {
  program: Program;
  files: PlannedFile[];
  /** What people must know or do besides. */
  notes: string[];
}

export interface PlannedFile {
  /** As programs on the host know it, without `--root`. */
  path: string;
  content: string;
  /** The command after which a change of it counts; none when the program reads it at each pull. */
  afterwards?: string;
}

/** What planners see of the host. */
export interface HostView {
  /** Undefined when it is not there. Throws CliError UNREADABLE_FILE, BAD_HOST_FILE. */
  read(path: string): string | undefined;
  /** Names in a folder, sorted; undefined when it is not there. */
  list(folder: string): string[] | undefined;
  /** Whether an earlier setup made this file. */
  isMade(path: string): boolean;
}

export interface SetupSettings {
  /** Registries by their names in image references. */
  hosts: readonly string[];
  /** Where programs of this host reach the proxy: `127.0.0.1:7620`. */
  place: string;
}

export function urlOf({ place }: Pick<SetupSettings, 'place'>): string {
  return `http://${place}`;
}

/** Files of a folder with this ending, as paths. */
export function filesIn(host: HostView, folder: string, ending: string): string[] {
  const names = host.list(folder) ?? [];
  return names.filter((name) => name.endsWith(ending)).map((name) => `${folder}/${name}`);
}
