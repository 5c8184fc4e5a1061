/** A host whose files are a map: what planners see, and what they then want of it. */
import type { HostView, Plan } from './plan.ts';

export function hostWith(files: Readonly<Record<string, string>>, made: readonly string[] = []): HostView {
  return {
    read: (path) => files[path],
    list: (folder) => {
      const below = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
      const names = below.map((path) => path.slice(folder.length + 1).split('/')[0] ?? '');
      return below.length === 0 ? undefined : [...new Set(names)].sort();
    },
    isMade: (path) => made.includes(path),
  };
}

export function pathsOf({ files }: Plan): string[] {
  return files.map(({ path }) => path);
}
