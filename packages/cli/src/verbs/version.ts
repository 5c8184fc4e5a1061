/** `shoal version`. */
import { Command } from 'commander';
import type { Io } from '../output/io.ts';
import { versionInfo } from '../version.ts';

export function versionCommand(io: Io): Command {
  return new Command('version')
    .description('show the version of Shoal, of Node and the platform')
    .action(({ json }) => {
      const info = versionInfo();
      io.stdout(json ? `${JSON.stringify(info)}\n` : `shoal ${info.version}, Node ${info.node}, ${info.platform}\n`);
    });
}
