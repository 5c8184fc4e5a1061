/*
 * What a bench started or made, and its end: also after a failure, Ctrl-C or SIGTERM. Knows nothing of what it cleans up.
 */

/** @typedef {() => void | Promise<void>} Cleanup */

/** @type {Set<Cleanup>} */
const pending = new Set();
/** @type {Promise<void> | undefined} */
let running;

/** Runs once, last in first out; the function returned runs it now instead. @param {Cleanup} cleanup @returns {() => Promise<void>} */
export function cleanUpAfter(cleanup) {
  pending.add(cleanup);
  return async () => {
    if (pending.delete(cleanup)) await cleanup();
  };
}

/** Goes on when one fails; says so. */
export function cleanUpAll() {
  running ??= runAll().finally(() => {
    running = undefined;
  });
  return running;
}

async function runAll() {
  for (;;) {
    const last = [...pending].at(-1);
    if (last === undefined) return;
    pending.delete(last);
    try {
      await last();
    } catch (error) {
      process.stderr.write(`bench: cleaning up: ${error instanceof Error ? error.message : error}\n`);
    }
  }
}

export function cleanUpOnSignals() {
  for (const [signal, code] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])) {
    process.once(signal, () => {
      void cleanUpAll().finally(() => process.exit(code));
    });
  }
}
