/** Where this host's tracker has its database, for verbs that go to it without asking the tracker. */
import type { Command } from 'commander';
import { peekConfig } from '../config/config-file.ts';
import { trackerConfigFile } from '../config/tracker-config.ts';
import type { Io } from '../output/io.ts';

export interface TrackerPlaceFlags {
  config?: string;
  dataDir?: string;
}

export function addTrackerPlace(command: Command): Command {
  return command
    .option('--data-dir <folder>', "the tracker's dataDir; default: what its settings say")
    .option('--config <file>', "the tracker's settings");
}

/** Throws ConfigError. */
export function trackerDataDir({ config: file, dataDir }: TrackerPlaceFlags, io: Io): string {
  const sources = { host: io.host, cwd: io.cwd, file, flags: { dataDir } };
  return String(peekConfig(trackerConfigFile(io.host), sources, ['dataDir'])('dataDir'));
}
