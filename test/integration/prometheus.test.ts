/** A real Prometheus reads tracker and agent, and knows the rules that watch them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tempDir } from '../support/cleanup.ts';
import { freePort } from '../support/port.ts';
import { run, startService } from '../support/process.ts';
import { startSite } from '../support/shoal.ts';
import { findProgram, requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MONITORING = join(import.meta.dirname, '..', '..', 'docker', 'monitoring');

requireTools(['prometheus', 'promtool'])('Prometheus', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await tempDir('prometheus');
  });

  it('takes the rules and the configuration', async () => {
    const promtool = findProgram('promtool') ?? '';
    expect(await run(promtool, ['check', 'rules', join(MONITORING, 'alerts.yaml')])).toContain(
      'SUCCESS: 7 rules found',
    );
    // The files it names are the operator's.
    for (const [name, text] of [
      ['reader.token', 't'],
      ['ca.pem', ''],
    ] as const)
      await writeFile(join(folder, name), text);
    for (const name of ['prometheus.yaml', 'alerts.yaml']) await run('cp', [join(MONITORING, name), folder]);
    expect(await run(promtool, ['check', 'config', '--syntax-only', join(folder, 'prometheus.yaml')])).toContain(
      'SUCCESS',
    );
  });

  it('reads what the tracker says with a reader’s token', async () => {
    const site = await startSite({ registries: [] });
    const { token } = await site.client.createToken({ role: 'reader', name: 'prometheus' });
    const port = await freePort();
    const config = join(folder, 'scrape.yaml');
    const target = new URL(site.url).host;
    await writeFile(join(folder, 'token'), token);
    await writeFile(
      config,
      JSON.stringify({
        global: { scrape_interval: '1s' },
        scrape_configs: [
          {
            ...{ job_name: 'shoal-tracker', scheme: 'https', tls_config: { insecure_skip_verify: true } },
            authorization: { credentials_file: join(folder, 'token') },
            static_configs: [{ targets: [target] }],
          },
        ],
      }),
    );
    startService(findProgram('prometheus') ?? '', [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const ask = async (query: string): Promise<string | undefined> => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      const response = await fetch(url).catch(() => undefined);
      if (!response?.ok) return undefined; // it is still starting
      const answer = (await response.json()) as Answer;
      return answer.data.result[0]?.value[1];
    };
    await waitFor('the first scrape', async () => (await ask('up')) === '1', 60_000);
    expect(await ask('shoal_tracker_agents{role="seeder",state="online"}')).toBe('1');
    expect(Number(await ask('process_resident_memory_bytes'))).toBeGreaterThan(10e6);
  });
});

interface Answer {
  data: { result: { value: [number, string] }[] };
}
