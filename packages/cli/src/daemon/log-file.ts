/**
 * A log file that begins anew when it is full: agent.log, the full ones beside it as agent.log.1 (the newest), .2 and so
 * on. Decides that a daemon goes on and no line is lost when a full one cannot be renamed: on Windows somebody who reads
 * it may keep it from that. Lines are written at once, so that the last ones before a crash are there.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface LogFileOptions {
  folder: string;
  name: string;
  /** How many full ones stay. */
  keep: number;
  /** Told once when lines cannot be written. */
  say(text: string): void;
  maxBytes?: number;
  rename?(from: string, to: string): void;
}

export interface LogFile {
  /** Never throws: a full disk keeps no daemon from its work. */
  write(line: string): void;
  close(): void;
}

const MAX_BYTES = 20_000_000;
/** A file that could not be renamed is tried again when it has grown by this part. */
const TRY_AGAIN = 1 / 20;

/** Throws the system's error when the file cannot be opened. */
export function openLogFile(options: LogFileOptions): LogFile {
  const { folder, name, say, maxBytes = MAX_BYTES } = options;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  let file = openSync(path, 'a', 0o640);
  let bytes = fstatSync(file).size;
  let limit = maxBytes;
  let told = false;

  const begin = (): void => {
    closeSync(file);
    const renamed = rotate(path, options);
    file = openSync(path, 'a', 0o640);
    bytes = fstatSync(file).size;
    limit = renamed ? maxBytes : bytes + maxBytes * TRY_AGAIN;
  };
  return {
    write(line) {
      const length = Buffer.byteLength(line);
      try {
        if (bytes > 0 && bytes + length > limit) begin();
        writeSync(file, line);
        bytes += length;
        told = false;
      } catch (error) {
        const { code = 'unknown' } = error as NodeJS.ErrnoException;
        if (!told) say(`the log cannot be written to ${path} (${code}); lines are lost until it can\n`);
        told = true;
      }
    },
    close: () => closeSync(file),
  };
}

/**
 * False when the file itself stays where it is. It steps aside first: only then do the others move up, so that trying
 * again and again takes none of them away.
 */
function rotate(path: string, options: LogFileOptions): boolean {
  const { rename = renameSync } = options;
  const aside = `${path}.full`;
  try {
    if (existsSync(aside)) moveUp(path, options);
    rename(path, aside);
  } catch {
    return false;
  }
  try {
    moveUp(path, options);
  } catch {
    // Next time: it lies aside until then.
  }
  return true;
}

function moveUp(path: string, { keep, rename = renameSync }: LogFileOptions): void {
  rmSync(`${path}.${keep}`, { force: true, maxRetries: 3 });
  for (let number = keep - 1; number >= 1; number--)
    renameIfThere(`${path}.${number}`, `${path}.${number + 1}`, rename);
  rename(`${path}.full`, `${path}.1`);
}

function renameIfThere(from: string, to: string, rename: (from: string, to: string) => void): void {
  try {
    rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
