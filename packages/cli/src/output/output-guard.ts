/**
 * What happens when stdout or stderr cannot be written: a full disk, a reader that went away, a closed terminal.
 * Decides that a verb ends, and that a daemon drops lines of its log and goes on.
 */

export interface GuardedStreams {
  stdout: NodeJS.EventEmitter;
  stderr: NodeJS.EventEmitter;
  say(text: string): void;
  /** Without a code the process ends with the one it has. */
  exit(code?: number): void;
}

/** Returns what a daemon calls when stdout becomes its log. */
export function guardOutput({ stdout, stderr, say, exit }: GuardedStreams): () => void {
  let isLog = false;
  let isSaid = false;
  stdout.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
    if (!isLog) {
      // A reader that went away (`shoal jobs | head`) is no failure.
      if (code === 'EPIPE') return exit();
      say(`shoal: the result cannot be written to stdout (${code}).\n`);
      return exit(1);
    }
    if (!isSaid) say(`shoal: the log cannot be written to stdout (${code}); lines are lost, the daemon goes on.\n`);
    isSaid = true;
  });
  // There is nowhere left to say it.
  stderr.on('error', () => {});
  return () => {
    isLog = true;
  };
}
