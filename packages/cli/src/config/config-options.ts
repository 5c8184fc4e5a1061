/** A config file's keys as options of a command. The words come from the schema. */
import { type Command, Option } from 'commander';
import type { Io } from '../output/io.ts';
import type { ConfigFile, ConfigSources } from './config-file.ts';
import { defaultNote } from './describe-config.ts';
import type { ConfigKey } from './keys.ts';

export type ConfigFlags = Record<string, unknown> & { config?: string; file?: string };

export function addConfigOptions<T>(command: Command, { daemon, keys }: ConfigFile<T>): Command {
  const env = `SHOAL_${daemon.toUpperCase()}_CONFIG`;
  command.option(
    '--config <file>',
    `settings (env ${env}, default ${daemon}.yaml in /etc/shoal or %ProgramData%\\shoal)`,
  );
  for (const key of keys) {
    if (key.flag === undefined) continue;
    const notes = [defaultNote(key), `env ${key.env}`].filter((note) => note !== undefined);
    command.addOption(new Option(`${key.flag} ${valueName(key)}`, `${key.description} (${notes.join('; ')})`));
  }
  return command;
}

export function configSources(flags: ConfigFlags, io: Io): ConfigSources {
  const { config, file, ...rest } = flags;
  return { host: io.host, cwd: io.cwd, file: config ?? file, flags: rest };
}

function valueName({ kind, values }: ConfigKey): string {
  if (kind === 'boolean') return '[true|false]';
  if (kind === 'map') return '<name=text,...>';
  return `<${values?.join('|') ?? kind}>`;
}
