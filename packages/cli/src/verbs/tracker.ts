/** `shoal tracker`: runs the tracker, with `--seeder` also a seeder in the same process. */
import { Command } from 'commander';
import { loadConfig } from '../config/config-file.ts';
import { addConfigOptions, type ConfigFlags, configSources } from '../config/config-options.ts';
import { trackerConfigFile } from '../config/tracker-config.ts';
import { addEventLogOption, type EventLogFlags, withEventLog } from '../daemon/event-log/with-event-log.ts';
import { runTracker } from '../daemon/run-tracker.ts';
import type { Io } from '../output/io.ts';

type TrackerFlags = ConfigFlags & EventLogFlags & { seeder: boolean };

export function trackerCommand(io: Io): Command {
  const spec = trackerConfigFile(io.host);
  const command = new Command('tracker')
    .description('run the tracker; its log goes to stdout as JSON lines')
    .option('--seeder', 'run a seeder in the same process', false);
  addEventLogOption(command);
  return addConfigOptions(command, spec).action(({ seeder, eventLog, ...flags }: TrackerFlags) =>
    withEventLog({ daemon: 'tracker', wanted: eventLog, io }, async (daemonIo) => {
      const { config } = loadConfig(spec, configSources(flags, io), true);
      await runTracker(config, seeder, daemonIo);
    }),
  );
}
