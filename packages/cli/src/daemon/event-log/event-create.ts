/**
 * Windows' own program that writes one event. Lost: a long-lived PowerShell (60 MB for some lines a week, and text in a
 * script would have to be quoted), a native module. Its source must be one that eventcreate.exe made itself, so
 * install.ps1 makes it in this way, too.
 */
import { execFile } from 'node:child_process';
import { win32 } from 'node:path';
import type { WindowsEvent } from './event-text.ts';

export interface EventProgram {
  /** `shoal-agent`. */
  source: string;
  path: string;
}

/** A whole path: a bare name would be looked for in the working folder first. */
export function eventcreatePath(env: Readonly<Record<string, string | undefined>>): string {
  return win32.join(env.SystemRoot ?? 'C:\\Windows', 'System32\\eventcreate.exe');
}

const TIMEOUT_MS = 10_000;
const MOST_WORDS_CHARS = 300;

/** Rejects with what the program said, never with the command line. */
export function createWindowsEvent({ source, path }: EventProgram, { id, text }: WindowsEvent): Promise<void> {
  const args = ['/L', 'APPLICATION', '/T', 'ERROR', '/SO', source, '/ID', String(id), '/D', text];
  return new Promise((resolve, reject) => {
    execFile(path, args, { timeout: TIMEOUT_MS, windowsHide: true }, (error, _stdout, stderr) => {
      if (error === null) return resolve();
      const { code, killed } = error;
      const why = stderr.trim().slice(0, MOST_WORDS_CHARS) || (killed ? 'it did not end' : `it ended with ${code}`);
      reject(new Error(`${path}: ${why}`));
    });
  });
}
