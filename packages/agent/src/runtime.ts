/** How the JavaScript engine of an agent's process is set. For programs to call before they start an agent. */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 optimizes a function after so much of its bytecode has run (its default is 66 KiB). An agent under
 * a low cap spent a quarter of its CPU in the optimizer, for code that was never busy; a fast one gets
 * there a moment later (`bench dataplane`: no difference).
 */
const INTERRUPT_BUDGET = 400_000;

export function spareTheOptimizer(): void {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
