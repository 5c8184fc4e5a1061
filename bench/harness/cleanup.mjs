/*
 * What a bench started or made, and its end: also after a failure, Ctrl-C or SIGTERM. Knows nothing of what it cleans up.
 */

import { BenchError } from './errors.mjs';

/** @typedef {() => Promise<void>} Cleanup */

/** @type {Set<Cleanup>} */
const pending = new Set();
let ending = false;

/**
 * Runs once, last in first out; the function returned runs it now. Either way the end waits for it.
 * @param {() => void | Promise<void>} action
 * @returns {Cleanup}
 */
export function cleanUpAfter(action) {
  /** @type {Promise<void> | undefined} */
  let running;
  const cleanup = () => {
    running ??= (async () => action())().finally(() => pending.delete(cleanup));
    return running;
  };
  pending.add(cleanup);
  return cleanup;
}

/** Once the end has begun nothing new may start: nobody would wait for its end. Throws then. */
export function refuseWhenEnding() {
  if (ending) throw new BenchError('interrupted');
}

/** Goes on when one fails; says so. */
export async function cleanUpAll() {
  ending = true;
  for (let last = [...pending].at(-1); last !== undefined; last = [...pending].at(-1)) {
    try {
      await last();
    } catch (error) {
      process.stderr.write(`bench: cleaning up: ${error instanceof Error ? error.message : error}\n`);
    }
  }
}

export function cleanUpOnSignals() {
  const exitCodes = /** @type {const} */ ({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 });
  for (const [signal, code] of Object.entries(exitCodes)) {
    process.on(signal, () => {
      // A second Ctrl-C must not leave half of it behind.
      if (ending) return;
      process.exitCode = code;
      void cleanUpAll().finally(() => process.exit());
    });
  }
}
