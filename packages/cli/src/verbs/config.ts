/** `shoal config tracker|agent`: the effective settings, a sample file, or the table of the docs. */
import { Command } from 'commander';
import { agentConfigFile } from '../config/agent-config.ts';
import { type ConfigFile, loadConfig } from '../config/config-file.ts';
import { addConfigOptions, type ConfigFlags, configSources } from '../config/config-options.ts';
import { configSample, configTable, describeConfig, reportConfig } from '../config/describe-config.ts';
import { trackerConfigFile } from '../config/tracker-config.ts';
import type { Io } from '../output/io.ts';

type Flags = ConfigFlags & { sample: boolean; table: boolean; json: boolean };

export function configCommand(io: Io): Command {
  return new Command('config')
    .description('show the effective settings and where each comes from; secrets are hidden')
    .addCommand(configOf(trackerConfigFile(io.host), io))
    .addCommand(configOf(agentConfigFile(io.host), io));
}

function configOf<T>(spec: ConfigFile<T>, io: Io): Command {
  const command = new Command(spec.daemon)
    .description(`settings of shoal ${spec.daemon}`)
    .option('--file <file>', 'the same as --config')
    .option('--sample', 'print a commented sample file instead', false)
    .option('--table', 'print all keys as a Markdown table instead', false);
  return addConfigOptions(command, spec).action(({ sample, table, json, ...flags }: Flags) => {
    if (sample) return io.stdout(configSample(spec));
    if (table) return io.stdout(configTable(spec));
    const loaded = loadConfig(spec, configSources(flags, io));
    io.stdout(json ? `${JSON.stringify(reportConfig(loaded))}\n` : describeConfig(loaded));
  });
}
