/** A settings file read from disk, with the place of every key in it. Decides nothing about what it holds. */
import { readFileSync } from 'node:fs';
import { parseYaml, type YamlPath, type YamlPlaces } from '@shoal/policy';

export type ConfigPath = YamlPath;
export type YamlFile = YamlPlaces;

/** `name` is what the user calls the file; it stands in front of each position. */
export function readYamlFile(file: string, name = file): YamlFile {
  try {
    return parseYaml(readFileSync(file, 'utf8'), name);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const text = `cannot be read (${code}); give the path of an existing file that this account may read`;
    return { value: {}, faults: [{ at: name, key: '', text }], at: () => name };
  }
}
