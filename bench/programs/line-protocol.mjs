/* The child's side of harness/child.mjs: events out on stdout, orders in on stdin, the end when stdin ends. */
import { createInterface } from 'node:readline';

/** @param {string} event @param {object} [fields] */
export function tell(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/**
 * Orders run one after the other; one that fails is told and ends nothing.
 * @param {Record<string, (order: any) => unknown>} actions by the order's `do`
 * @param {() => unknown} [onEnd]
 */
export function obey(actions, onEnd = () => {}) {
  let before = Promise.resolve();
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const order = JSON.parse(line);
    before = before.then(() => actions[order.do]?.(order)).then(ignore, failed);
  });
  lines.on('close', () => {
    void before.then(onEnd).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

/** @param {unknown} error */
export function failed(error) {
  tell('failed', { text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

function ignore() {}
