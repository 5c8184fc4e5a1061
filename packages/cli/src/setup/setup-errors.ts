/** How a file of the host that stands in the way is told: which one, why, and that nothing was changed. */
import { CliError } from '../errors.ts';

export interface PlaceInFile {
  path: string;
  line: number;
  column: number;
}

export function badHostFile({ path, line, column }: PlaceInFile, what: string): CliError {
  return new CliError('BAD_HOST_FILE', `${path}:${line}:${column}: ${what}. Mend it first; nothing was changed.`);
}

/** `what` says what is there and what to do about it. */
export function setupConflict(path: string, what: string): CliError {
  return new CliError('SETUP_CONFLICT', `${path}: ${what}. Nothing was changed.`);
}
