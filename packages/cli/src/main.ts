/** One run of the command `shoal`: the process's own streams, signals and exit code. */
import { processIo } from './output/io.ts';
import { runShoal } from './program.ts';

const code = await runShoal(process.argv.slice(2), processIo());
if (code !== 0) process.exitCode = code;
