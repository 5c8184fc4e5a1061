/** The page of metrics is made from the metrics, and what watches them names none that is not there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { emptyStatus } from '../../packages/agent/src/agent-status.testkit.ts';
import { metricsOf } from '../../packages/agent/src/control/metrics.ts';
import { type Metric, processMetrics } from '../../packages/tracker/src/client/index.ts';
import { trackerMetrics } from '../../packages/tracker/src/metrics.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PAGE = join(ROOT, 'docs', 'metrics.md');

const tracker = trackerMetrics({
  ...{ agents: { agent: { known: 0, online: 0 }, seeder: { known: 0, online: 0 } }, jobs: {}, policyVersion: 0 },
  jobHosts: { waiting: 0, fetching: 0, loading: 0, ready: 0, failed: 0 },
  ...{ endedJobs: { done: 0, failed: 0, cancelled: 0 }, swarms: 0, swarmMembers: 0 },
  moved: { sentBytes: 0, receivedBytes: 0, remoteBytes: 0, originBytes: 0 },
});
const agent = metricsOf(emptyStatus());

function tableOf(metrics: readonly Metric[]): string {
  const rows = metrics.map(({ name, type, labels, help }) => {
    return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
  });
  return ['| metric | type | labels | |', '|---|---|---|---|', ...rows].join('\n');
}

function page(): string {
  return `# Metrics

Prometheus' text format. No host and no digest stands in a label. \`docker/monitoring/\` has a scrape configuration, alert rules and a Grafana dashboard. This page is made from the source: \`UPDATE_DOCS=1 npx vitest run test/repo/metrics.test.ts\`.

## Tracker: \`GET /metrics\` with a reader's token

${tableOf([...tracker, ...processMetrics()])}

## Agent: \`GET /metrics\` of its control API

${tableOf([...agent, ...processMetrics()])}
`;
}

it('docs/metrics.md says what there is', () => {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, page());
  expect(readFileSync(PAGE, 'utf8')).toBe(page());
});

it('names are as Prometheus wants them', () => {
  for (const { name, type, labels } of [...tracker, ...agent]) {
    expect(name).toMatch(/^shoal_(tracker|agent)_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    for (const label of labels) expect(['host', 'digest', 'job', 'instance']).not.toContain(label);
  }
});

it.each(['docker/monitoring/alerts.yaml', 'docker/monitoring/grafana.json'])(
  '%s names only metrics there are',
  (file) => {
    const there = new Set([...tracker, ...agent, ...processMetrics()].map(({ name }) => name));
    const named = readFileSync(join(ROOT, file), 'utf8').match(/\b(shoal|process)_[a-z_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect([...new Set(named)].filter((name) => !there.has(name))).toEqual([]);
  },
);
