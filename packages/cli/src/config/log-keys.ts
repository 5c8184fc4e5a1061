/** The `log` key, which tracker.yaml and agent.yaml share. */
import { choice, path, section, wholeNumber } from './leaf.ts';

const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export interface LogSettings {
  level: (typeof LOG_LEVELS)[number];
  folder?: string | undefined;
  keep: number;
}

export function logKey() {
  return section('the log, JSON lines', {
    level: choice(LOG_LEVELS, 'what is logged').default('info'),
    folder: path('folder', 'where log files are written, where no journal collects what a service prints', {
      sample: '/var/log/shoal',
      defaultText: 'stdout',
    }).optional(),
    keep: wholeNumber('how many full log files stay beside the one being written, of 20 MB each', {
      min: 1,
      max: 1000,
    }).default(5),
  }).prefault({});
}
