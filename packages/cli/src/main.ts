/**
 * One run of the command `shoal`: the process's own streams, signals and exit code. Decides that a run that is over
 * ends, even when a part that failed to start left something open.
 */
import { processIo } from './output/io.ts';
import { runShoal } from './program.ts';

/** Time for streams to drain; normally nothing is open any more and the process ends at once. */
const END_GRACE_MS = 2000;

const code = await runShoal(process.argv.slice(2), processIo());
if (code !== 0) process.exitCode = code;
setTimeout(() => process.exit(), END_GRACE_MS).unref();
