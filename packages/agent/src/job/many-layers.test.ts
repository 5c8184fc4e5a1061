import { expect, it, onTestFinished } from 'vitest';
import { blobOf } from '../store/store.testkit.ts';
import { deliver, imageOf, testJobs } from './jobs.testkit.ts';

it('an image of many layers is no leak to Node, which would warn of it', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const kit = await testJobs();
  const layers = Array.from({ length: 20 }, (_, at) => blobOf(100, { mark: `layer ${at}` }));
  kit.start('j', imageOf(layers));
  await deliver(kit, ...layers);
  await kit.reached('j', 'ready');
  expect(warnings).toEqual([]);
});
