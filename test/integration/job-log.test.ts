/** `shoal logs` over real agents: one whose engine takes the image, one whose engine is gone. */
import type { JobLog } from '@shoal/tracker/client';
import { beforeAll, expect, it } from 'vitest';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { type ShoalSite, startSite, waitForJob } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';

const REFERENCE = 'disk.test/team/app:1';
const MIB = 1024 * 1024;

requireTools(['root', 'dockerd', 'docker', 'static-busybox'])('the log of a job', () => {
  let [engine, image, site] = [] as unknown as [Dockerd, TestImage, ShoalSite];

  beforeAll(async () => {
    [engine, image] = await Promise.all([startDockerd(), makeImage({ baseBytes: 2 * MIB, middleBytes: MIB })]);
    site = await startSite({ registries: [{ host: 'disk.test', layout: image.layout }] });
    await site.startAgent({ name: 'well', engine: engine.address });
    await site.startAgent({ name: 'ill', engine: 'unix:///nowhere/docker.sock' });
  }, 120_000);

  it('has what each host fetched and why one of them failed', async () => {
    const { id } = await site.client.createJob({ images: [REFERENCE] });
    await waitForJob(site, id, ({ state }) => state === 'failed');
    const { entries } = JSON.parse((await site.shoal('logs', '--job', id, '--json')).stdout) as JobLog;
    const of = (host: string | undefined) => entries.filter((entry) => entry.host === host);
    expect(of(undefined).map(({ event }) => event)).toEqual(['job created', 'job ended']);
    const events = of('well').map(({ event }) => event);
    expect([events[0], events.at(-1)]).toEqual(['fetching', 'image ready']);
    const complete = of('well').flatMap(({ event, digest }) => (event === 'blob complete' ? [digest] : []));
    expect(complete.sort()).toEqual(image.layers.map(({ digest }) => digest).sort());
    expect(of('ill').at(-1)).toMatchObject({ level: 'error', event: 'image failed', code: 'ENGINE_DOWN' });
    const errors = (await site.shoal('logs', '--job', id, '--errors')).stdout.trim().split('\n');
    expect(errors.slice(1).join('\n')).toMatch(/^\S+Z +ill +error +image failed .*ENGINE_DOWN\)$/);
  });
});
