/**
 * The log of a daemon: JSON lines on stdout, where service managers and containers collect them, or in files of its
 * own. A daemon's stderr has only what a person at a terminal wants to know. Tokens never appear.
 */
import { type Logger, pino } from 'pino';
import type { Daemon } from '../config/defaults.ts';
import type { LogSettings } from '../config/log-keys.ts';
import type { Io } from '../output/io.ts';
import { openLogFile } from './log-file.ts';

const SECRETS = ['token', 'password', 'authorization'];

/** Throws what keeps the folder's file from being opened. */
export function createDaemonLogger(io: Pick<Io, 'log' | 'stderr'>, daemon: Daemon, settings: LogSettings): Logger {
  const { level, folder, keep } = settings;
  const paths = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  const options = { level, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths, censor: '(hidden)' } };
  const file = folder === undefined ? undefined : openLogFile({ folder, name: `${daemon}.log`, keep, say: io.stderr });
  return pino(options, { write: (line) => (file === undefined ? io.log(line) : file.write(line)) });
}
