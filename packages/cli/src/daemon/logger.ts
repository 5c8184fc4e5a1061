/**
 * The log of a daemon: JSON lines on stdout, where service managers and containers collect them, or in files of its
 * own; errors also to Windows' event log when there is one. A daemon's stderr has only what a person at a terminal
 * wants to know. Tokens never appear.
 */
import { type Logger, pino } from 'pino';
import type { Daemon } from '../config/defaults.ts';
import type { LogSettings } from '../config/log-keys.ts';
import type { DaemonIo } from './event-log/with-event-log.ts';
import { openLogFile } from './log-file.ts';

const SECRETS = ['token', 'password', 'authorization'];

type LogPlaces = Pick<DaemonIo, 'log' | 'stderr' | 'events'>;

/** Throws what keeps the folder's file from being opened. */
export function createDaemonLogger(io: LogPlaces, daemon: Daemon, settings: LogSettings): Logger {
  const { level, folder, keep } = settings;
  const paths = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  const options = { level, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths, censor: '(hidden)' } };
  const file = folder === undefined ? undefined : openLogFile({ folder, name: `${daemon}.log`, keep, say: io.stderr });
  const main = { write: (line: string) => (file === undefined ? io.log(line) : file.write(line)) };
  const { events } = io;
  if (events === undefined) return pino(options, main);
  const streams = [
    { level: 'trace', stream: main },
    { level: 'error', stream: events },
  ] as const;
  const logger = pino(options, pino.multistream([...streams]));
  events.tell((why) =>
    logger.warn(
      { event: 'event log not written', untrusted: why },
      "errors are in this log only: Windows' event log cannot be written",
    ),
  );
  return logger;
}
