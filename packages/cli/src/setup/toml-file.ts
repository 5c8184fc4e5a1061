/** A TOML file of the host as a value; where it is broken, with line and column. Pure. */
import { parse, TomlError } from 'smol-toml';
import { badHostFile } from './setup-errors.ts';

export type Toml = Record<string, unknown>;

/** Throws CliError BAD_HOST_FILE. */
export function tomlIn(text: string, path: string): Toml {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = /: (.*)/.exec(error.message.split('\n')[0] ?? '')?.[1] ?? 'syntax';
    throw badHostFile({ path, line: error.line, column: error.column }, `is not valid TOML (${why})`);
  }
}

/** The table at this path; empty when something else or nothing is there. */
export function tableAt(toml: Toml, ...path: string[]): Toml {
  let at: unknown = toml;
  for (const name of path) at = isTable(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return isTable(at) ? at : {};
}

function isTable(value: unknown): value is Toml {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
