/**
 * Prometheus' text format (version 0.0.4), for tracker and agent. Pure.
 */

export interface Metric {
  name: string;
  /** One line, without a line break. */
  help: string;
  type: 'gauge' | 'counter';
  /** Names of its labels. */
  labels: readonly string[];
  /** None while there is nothing to say. */
  samples: readonly MetricSample[];
}

export interface MetricSample {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `signature`: the name, with its labels as in `shoal_agents{role,state}`. */
export function gauge(signature: string, help: string, samples: number | readonly MetricSample[]): Metric {
  return metricOf('gauge', signature, { help, samples });
}

export function counter(signature: string, help: string, samples: number | readonly MetricSample[]): Metric {
  return metricOf('counter', signature, { help, samples });
}

function metricOf(
  type: Metric['type'],
  signature: string,
  { help, samples }: { help: string; samples: number | readonly MetricSample[] },
): Metric {
  const [name = '', labels] = signature.split(/[{}]/);
  return {
    ...{ name, help, type, labels: labels?.split(',') ?? [] },
    samples: typeof samples === 'number' ? [{ value: samples }] : samples,
  };
}

export function metricsText(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => {
      const lines = samples.map(({ labels, value }) => `${name}${labelText(labels)} ${numberText(value)}`);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
    })
    .join('\n')
    .concat('\n');
}

/** The process itself, by the names every Prometheus client uses. */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    counter('process_cpu_seconds_total', 'CPU time of the process.', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', 'Resident memory of the process.', process.memoryUsage.rss()),
    gauge(
      'process_start_time_seconds',
      'When the process started, seconds since 1970.',
      Math.round(Date.now() / 1000 - process.uptime()),
    ),
  ];
}

function labelText(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function numberText(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}
