/**
 * Runs a daemon that writes its errors into Windows' event log, too, if the service asks for it. The seam of the
 * platform: elsewhere there is no event log, and a service manager keeps what daemons print.
 */
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Daemon } from '../../config/defaults.ts';
import { CliError, tellError } from '../../errors.ts';
import type { Io } from '../../output/io.ts';
import { createWindowsEvent, eventcreatePath } from './event-create.ts';
import { type EventLog, openEventLog } from './event-log.ts';

/** `events` is there when errors go to the event log as well. */
export type DaemonIo = Io & { events?: EventLog };

export interface EventLogChoice {
  daemon: Daemon;
  wanted: boolean;
  io: Io;
  /** Instead of eventcreate.exe, for tests. */
  program?: string;
}

export interface EventLogFlags {
  eventLog: boolean;
}

const FATAL_LEVEL = 60;

/** An option, as the service's definition gives it: it holds also when the settings are refused. */
export function addEventLogOption(command: Command): Command {
  return command.option('--event-log', 'on Windows: errors go into the Application event log, too', false);
}

/** Whatever ends the daemon, its settings included, stands in the event log: nobody sees a service's stderr. */
export async function withEventLog(choice: EventLogChoice, run: (io: DaemonIo) => Promise<void>): Promise<void> {
  const { daemon, wanted, io, program = eventcreatePath(io.host.env) } = choice;
  if (!wanted) return run(io);
  if (io.host.platform !== 'win32')
    throw new CliError('WRONG_USAGE', '--event-log is for Windows; elsewhere the log is in the journal or log.folder.');
  const events = openEventLog({
    create: (event) => createWindowsEvent({ source: `shoal-${daemon}`, path: program }, event),
    now: io.now,
    // Keeps no daemon alive; a program under way does.
    delay: (ms, signal) => setTimeout(ms, undefined, { signal, ref: false }).catch(() => {}),
    say: (why) => io.stderr(`shoal ${daemon}: no event can be written to Windows' event log: ${why}\n`),
  });
  try {
    await run({ ...io, events });
  } catch (error) {
    const { code, text } = tellError(error);
    events.write(JSON.stringify({ level: FATAL_LEVEL, event: 'ended', code, msg: text }));
    throw error;
  } finally {
    await events.close();
  }
}
