/** Why a daemon refuses to start: every fault of its settings at once, each with its place. */
import { CliError } from '../errors.ts';

export interface Fault {
  /** `agent.yaml:3:5`, `SHOAL_PEER_PORT` or `--peer-port`. */
  at: string;
  /** `peer.port`; empty when the file as a whole is meant. */
  key: string;
  /** What is wrong with it and what to do. */
  text: string;
}

export class ConfigError extends CliError {
  readonly faults: readonly Fault[];
  /** Whether a daemon does not start for it; else a command that only needs to know a key. */
  readonly isStart: boolean;

  constructor(faults: readonly Fault[], isStart = true) {
    const lines = faults.map(({ at, key, text }) => `${at}: ${key === '' ? '' : `${key} `}${text}`);
    super('BAD_CONFIG', lines.join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
    this.isStart = isStart;
  }
}
