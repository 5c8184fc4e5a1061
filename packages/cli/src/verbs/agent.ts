/** `shoal agent`: runs the agent of a host. */
import { Command } from 'commander';
import { agentConfigFile } from '../config/agent-config.ts';
import { loadConfig } from '../config/config-file.ts';
import { addConfigOptions, type ConfigFlags, configSources } from '../config/config-options.ts';
import { addEventLogOption, type EventLogFlags, withEventLog } from '../daemon/event-log/with-event-log.ts';
import { runAgent } from '../daemon/run-agent.ts';
import type { Io } from '../output/io.ts';

export function agentCommand(io: Io): Command {
  const spec = agentConfigFile(io.host);
  const command = new Command('agent').description('run the agent of this host; its log goes to stdout as JSON lines');
  addEventLogOption(command);
  return addConfigOptions(command, spec).action(({ eventLog, ...flags }: ConfigFlags & EventLogFlags) =>
    withEventLog({ daemon: 'agent', wanted: eventLog, io }, async (daemonIo) => {
      const { config } = loadConfig(spec, configSources(flags, io), true);
      await runAgent(config, daemonIo);
    }),
  );
}
