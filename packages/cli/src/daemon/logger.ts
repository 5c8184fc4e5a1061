/**
 * The log of a daemon: JSON lines on stdout, where service managers and containers collect them. A daemon's stderr has
 * only what a person at a terminal wants to know. Tokens never appear.
 */
import { type Logger, pino } from 'pino';
import type { Io } from '../output/io.ts';

const SECRETS = ['token', 'password', 'authorization'];

export function createDaemonLogger(io: Pick<Io, 'log'>, level: string): Logger {
  const paths = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  const options = { level, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths, censor: '(hidden)' } };
  return pino(options, { write: (line) => io.log(line) });
}
