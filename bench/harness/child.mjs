/*
 * A program under measurement: a child process that says what happens in JSON lines on stdout (`{"event": …}`) and is
 * told what to do in JSON lines on stdin. It ends when its stdin ends, so none outlives the bench. Stopped by pid.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { cleanUpAfter, refuseWhenEnding } from './cleanup.mjs';

/**
 * @typedef {{ event: string, [key: string]: any }} ChildEvent
 * @typedef {object} Child
 * @property {number} pid
 * @property {(event: string, timeoutMs?: number) => Promise<ChildEvent>} next the first of this name not taken yet; rejects
 *   when the program fails, ends, or time is up
 * @property {(what: string, work: Promise<unknown>) => Promise<unknown>} until waits for something else, and rejects as `next`
 * @property {(message: object) => void} say
 * @property {() => Promise<void>} stop
 */

const GRACE_MS = 10_000;
const MAX_STDERR_CHARS = 4000;
const START_TIMEOUT_MS = 120_000;

/**
 * @param {string} command @param {readonly string[]} args
 * @param {{ isForeign?: boolean }} [options] foreign: does not read stdin, and nothing is lost when it is killed
 * @returns {Child}
 */
export function startChild(command, args, { isForeign = false } = {}) {
  refuseWhenEnding();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const mailbox = createMailbox();
  const name = [command, ...args].slice(0, 3).join(' ');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parseEvent(line);
    if (event?.event === 'failed') mailbox.fail(new Error(`${name}: ${event.text}`));
    else if (event) mailbox.put(event);
  });
  child.stdin.on('error', () => {}); // it ended before it was told to: `close` says so
  const ended = new Promise((resolve) => {
    child.once('error', (error) => mailbox.fail(error));
    child.once('close', (code, signal) => {
      mailbox.fail(new Error(`${name} ended (${signal ?? code})\n${stderr}`));
      resolve(undefined);
    });
  });
  const stop = cleanUpAfter(() => {
    if (isForeign) child.kill('SIGKILL');
    return stopChild(child, ended);
  });
  return {
    pid: child.pid ?? 0,
    next: (event, timeoutMs = START_TIMEOUT_MS) => mailbox.take(event, timeoutMs, name),
    until: (what, work) => {
      work.then(() => mailbox.put({ event: what }), mailbox.fail);
      return mailbox.take(what, START_TIMEOUT_MS, name);
    },
    say: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
    stop,
  };
}

/** @param {string} line @returns {ChildEvent | undefined} */
function parseEvent(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Events by name until somebody takes them; after a failure nothing more comes. */
function createMailbox() {
  /** @type {ChildEvent[]} */
  const events = [];
  /** @type {Set<() => void>} */
  const watchers = new Set();
  /** @type {Error | undefined} */
  let failure;
  const changed = () => {
    for (const watcher of [...watchers]) watcher();
  };
  return {
    /** @param {ChildEvent} event */
    put(event) {
      events.push(event);
      changed();
    },
    /** @param {Error} error */
    fail(error) {
      failure ??= error;
      changed();
    },
    /** @param {string} name @param {number} timeoutMs @param {string} program @returns {Promise<ChildEvent>} */
    take(name, timeoutMs, program) {
      return new Promise((resolve, reject) => {
        const settle = (/** @type {() => void} */ action) => {
          clearTimeout(timer);
          watchers.delete(look);
          action();
        };
        const look = () => {
          const index = events.findIndex(({ event }) => event === name);
          if (index >= 0) settle(() => resolve(/** @type {ChildEvent} */ (events.splice(index, 1)[0])));
          else if (failure !== undefined) settle(() => reject(failure));
        };
        const late = () => settle(() => reject(new Error(`${program}: no '${name}' within ${timeoutMs / 1000} s`)));
        const timer = setTimeout(late, timeoutMs);
        watchers.add(look);
        look();
      });
    },
  };
}

/** @param {import('node:child_process').ChildProcessWithoutNullStreams} child @param {Promise<unknown>} ended */
async function stopChild(child, ended) {
  if (child.pid === undefined) return;
  child.stdin.end();
  const signals = [
    setTimeout(() => child.kill('SIGTERM'), GRACE_MS),
    setTimeout(() => child.kill('SIGKILL'), 2 * GRACE_MS),
  ];
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  await ended;
  for (const timer of signals) clearTimeout(timer);
}
