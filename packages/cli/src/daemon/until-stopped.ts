/** Waits until a daemon is asked to stop or ends by itself. */
import type { Io } from '../output/io.ts';

/** `ended` resolves with why a part ended by itself; without parts only a signal ends the wait. */
export function untilStopped(io: Io, ended?: Promise<Error | undefined>): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const release = io.onStopSignal(() => resolve(undefined));
    void ended?.then((reason) => {
      release();
      resolve(reason);
    });
  });
}
