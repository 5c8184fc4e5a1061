import { digestOf } from '@shoal/oci';
import type { JobImage } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { blobOf, PIECE, pieceOf, shared, type TestBlob } from '../store/store.testkit.ts';
import { arrive } from '../swarm/swarms.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { deliver, imageOf, jobMessage, joinsOf, type TestImage, takeInAhead, testJobs } from './jobs.testkit.ts';

const BASE = blobOf(3 * PIECE + 1, { mark: 'base' });
const TOP = blobOf(100, { mark: 'top' });

describe('an image of a job', () => {
  it('is fetched, handed over and reported in each state with its bytes', async () => {
    const kit = await testJobs();
    const image = imageOf([BASE, TOP]);
    const gate = createGate();
    kit.exit.before = () => gate.opened;
    kit.start('j', image);
    await until('the joins', () => kit.saidOf('join').length === 2);
    kit.jobs.report();
    const wantedBytes = BASE.size + TOP.size;
    expect(kit.report('j')).toMatchObject([
      { state: 'fetching', imageBytes: image.imageBytes, wantedBytes, haveBytes: 0, resumedBytes: 0 },
    ]);
    await deliver(kit, BASE, TOP);
    await until('the exit', () => kit.jobs.reports()[0]?.images[0]?.state === 'loading');
    kit.jobs.report();
    expect(kit.report('j')).toMatchObject([{ state: 'loading', haveBytes: wantedBytes }]);
    gate.open();
    const imageId = image.job.config.digest;
    expect(await kit.reached('j', 'ready')).toMatchObject([
      { reference: image.job.reference, haveBytes: wantedBytes, archiveBytes: wantedBytes, exit: 'engine', imageId },
    ]);
    expect(kit.saidOf('join').map(({ jobId }) => jobId)).toEqual(['j', 'j']);
  });

  it('with a layer twice fetches, counts and hands it over once', async () => {
    const kit = await testJobs();
    const image = imageOf([BASE, TOP, BASE]);
    kit.start('j', image);
    await deliver(kit, BASE, TOP);
    const [report] = await kit.reached('j', 'ready');
    expect(kit.saidOf('join')).toHaveLength(2);
    expect(report).toMatchObject({ imageBytes: image.imageBytes, wantedBytes: BASE.size + TOP.size });
    expect(kit.exit.handed[0]?.layers.map(({ digest }) => digest)).toEqual([BASE.digest, TOP.digest]);
  });

  it('that is only to be kept is fetched whole, and nothing is handed over', async () => {
    const kit = await testJobs();
    kit.exit.present.add(BASE.digest);
    kit.jobs.start({ ...jobMessage('j', [imageOf([BASE])]), cacheOnly: true });
    await deliver(kit, BASE);
    expect(await kit.reached('j', 'ready')).toMatchObject([{ wantedBytes: BASE.size, exit: 'cache' }]);
    expect(kit.exit.handed).toEqual([]);
  });

  it('with an empty layer is ready', async () => {
    const kit = await testJobs();
    const empty = blobOf(0);
    kit.start('j', imageOf([empty, TOP]));
    await deliver(kit, empty, TOP);
    await kit.reached('j', 'ready');
  });

  it('fetches only what the host lacks', async () => {
    const kit = await testJobs();
    kit.exit.present.add(BASE.digest);
    kit.start('j', imageOf([BASE, TOP]));
    await deliver(kit, TOP);
    expect(await kit.reached('j', 'ready')).toMatchObject([{ wantedBytes: TOP.size, archiveBytes: TOP.size }]);
    expect(joinsOf(kit, BASE)).toEqual([]);
  });

  it('tells what was on disk at the start and what peers sent since', async () => {
    const [source, kit] = [await testJobs(), await testJobs()];
    await source.joined(BASE, { request: 0, role: 'holder' });
    await arrive(source, BASE);
    const file = await kit.host.store.open(BASE);
    file.addHashes(0, BASE.hashes);
    await file.storePiece(3, shared(BASE, pieceOf(BASE, 3)));
    kit.start('j', imageOf([BASE]));
    await until('the join', () => kit.saidOf('join').length === 1);
    await kit.joined(BASE, { neighbours: [{ ...source.host.neighbour, name: 'host-7' }] });
    expect(await kit.reached('j', 'ready')).toMatchObject([
      { resumedBytes: 1, haveBytes: BASE.size, peerBytes: 3 * PIECE, feeders: [{ name: 'host-7', bytes: 3 * PIECE }] },
    ]);
  });

  it('that needs nothing is ready without a word to any swarm', async () => {
    const kit = await testJobs();
    kit.exit.present.add(BASE.digest).add(TOP.digest);
    kit.start('j', imageOf([BASE, TOP]));
    expect(await kit.reached('j', 'ready')).toMatchObject([{ wantedBytes: 0, archiveBytes: 0 }]);
    expect(kit.saidOf('join')).toEqual([]);
  });

  it('with more layers than are fetched at once gets them all, small ones 32 at a time', async () => {
    const kit = await testJobs();
    const layers = Array.from({ length: 40 }, (_, index) => blobOf(10 + index, { mark: `${index}` }));
    kit.start('j', imageOf(layers));
    await until('the joins', () => kit.saidOf('join').length === 32);
    await deliver(kit, ...layers);
    await kit.reached('j', 'ready');
  });
});

describe('an exit that takes in layers while others come', () => {
  it('gets them in order, and the bytes it took count as those of the archive', async () => {
    const kit = await testJobs();
    takeInAhead(kit.exit, PIECE);
    const [first, second] = ['a', 'b'].map((mark) => blobOf(3 * PIECE, { mark })) as [TestBlob, TestBlob];
    kit.start('j', imageOf([first, second]));
    await kit.heard('join');
    await kit.joined(first);
    await arrive(kit, first, [0]);
    expect(joinsOf(kit, second)).toEqual([]);
    await arrive(kit, first, [1]);
    await until('the next layer to begin', () => joinsOf(kit, second).length > 0);
    await arrive(kit, first, [2]);
    await until('the first layer to be taken in', () => kit.exit.ahead.next.length > 0);
    await deliver(kit, second);
    const [report] = await kit.reached('j', 'ready');
    expect(kit.exit.ahead).toEqual({ next: [second.digest], ended: 1 });
    expect(report?.archiveBytes).toBe(first.size + second.size + 1); // the twin says how many it took in
  });

  it('is told when the image will not come', async () => {
    const kit = await testJobs();
    takeInAhead(kit.exit, PIECE);
    kit.start('j', imageOf([BASE]));
    await kit.heard('join');
    kit.jobs.closed({ type: 'jobClosed', jobId: 'j', reason: 'cancelled' });
    await until('the end', () => kit.exit.ahead.ended === 1);
  });
});

describe('a pull', () => {
  const layers = (mark: string) =>
    Array.from({ length: 40 }, (_, index) => blobOf(10 + index, { mark: `${mark}${index}` }));

  it('does not wait for the blobs of a pre-warm', async () => {
    const kit = await testJobs();
    kit.start('warm', imageOf(layers('w')));
    kit.pull('p', imageOf([BASE], { mark: 'p' }));
    await deliver(kit, BASE);
    await kit.reached('p', 'ready');
    expect(kit.report('warm')).toEqual([]);
  });

  it('has the class of its job in the swarm', async () => {
    const kit = await testJobs();
    kit.start('warm', imageOf([BASE]));
    await until('the join', () => joinsOf(kit, BASE).length > 0);
    await kit.joined(BASE);
    expect(kit.swarms.runnerOf(BASE.digest)?.trafficClass).toBe('prewarm');
    kit.pull('p', imageOf([BASE], { mark: 'p' }));
    await until('the class', () => kit.swarms.runnerOf(BASE.digest)?.trafficClass === 'pull');
  });
});

describe('images that share a layer', () => {
  it('fetch it once, within a job and between jobs', async () => {
    const kit = await testJobs();
    const [a, b, c] = ['a', 'b', 'c'].map((mark) => imageOf([BASE, blobOf(50, { mark })], { mark })) as [
      TestImage,
      TestImage,
      TestImage,
    ];
    kit.start('j1', a, b);
    kit.start('j2', c);
    await deliver(kit, ...[a, b, c].flatMap(({ layers }) => layers[1] as TestBlob), BASE);
    await kit.reached('j1', 'ready', 'ready');
    await kit.reached('j2', 'ready');
    expect(joinsOf(kit, BASE)).toHaveLength(1);
  });

  it('are handed over one at a time', async () => {
    const kit = await testJobs();
    let inside = 0;
    let most = 0;
    kit.exit.before = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    const images = ['a', 'b', 'c'].map((mark) => imageOf([TOP], { mark }));
    kit.start('j', ...images);
    await deliver(kit, TOP);
    await kit.reached('j', 'ready', 'ready', 'ready');
    expect(most).toBe(1);
  });
});

describe('a failure', () => {
  it('of the exit is told with its code and its own words', async () => {
    const kit = await testJobs();
    const refusal = Object.assign(new Error('the engine refused the image: no space left on device'), {
      ...{ code: 'LOAD_REFUSED', retryable: true },
    });
    kit.exit.before = () => Promise.reject(refusal);
    kit.start('j', imageOf([TOP]));
    await deliver(kit, TOP);
    const [report] = await kit.reached('j', 'failed');
    expect(report?.error).toEqual({ code: 'LOAD_REFUSED', text: refusal.message, retryable: true });
  });

  it('of the engine before anything is fetched is told, and nothing is fetched', async () => {
    const kit = await testJobs();
    kit.exit.missing = async () => {
      throw Object.assign(new Error('the engine does not answer'), { code: 'ENGINE_DOWN', retryable: true });
    };
    kit.start('j', imageOf([TOP]));
    expect(await kit.reached('j', 'failed')).toMatchObject([{ error: { code: 'ENGINE_DOWN' } }]);
    expect(kit.saidOf('join')).toEqual([]);
  });

  it('of one blob fails its image with the tracker’s words, and the other image gets ready', async () => {
    const kit = await testJobs();
    const [bad, good] = [imageOf([BASE], { mark: 'bad' }), imageOf([TOP], { mark: 'good' })];
    kit.start('j', bad, good);
    await kit.heard('join', 2);
    const error = { code: 'FORBIDDEN_BLOB', text: 'no such blob in this job', retryable: false };
    kit.swarms.joinRefused({ type: 'joinRefused', request: joinsOf(kit, BASE)[0]!.request, error });
    await deliver(kit, TOP);
    expect(await kit.reached('j', 'failed', 'ready')).toMatchObject([{ error }, { imageId: good.job.config.digest }]);
  });

  it.each([
    [
      'a manifest',
      (job: JobImage) => ({ ...job, manifest: { ...job.manifest, digest: digestOf(Buffer.from('x')) } }),
      'INVALID_JOB',
    ],
    ['an image config', (job: JobImage) => ({ ...job, config: { ...job.config, data: 'e30=' } }), 'INVALID_JOB'],
    ['no reference', (job: JobImage) => ({ ...job, reference: '!!' }), 'INVALID_REFERENCE'],
  ])('of the tracker to send %s that fits is told, and nothing is fetched', async (_title, spoil, code) => {
    const kit = await testJobs();
    const image = imageOf([TOP]);
    kit.start('j', { ...image, job: spoil(image.job) });
    const [report] = await kit.reached('j', 'failed');
    expect([report?.error?.code, report?.error?.retryable]).toEqual([code, false]);
    expect(kit.saidOf('join')).toEqual([]);
  });
});

describe('a job that is sent again', () => {
  it('while it runs is reported, not started twice', async () => {
    const kit = await testJobs();
    const image = imageOf([TOP]);
    kit.start('j', image);
    await kit.heard('join');
    kit.start('j', image);
    expect(kit.report('j')).toMatchObject([{ state: 'fetching' }]);
    await deliver(kit, TOP);
    await kit.reached('j', 'ready');
    expect([kit.saidOf('join').length, kit.exit.handed.length]).toEqual([1, 1]);
  });

  it('when it is ready is reported ready, not loaded again', async () => {
    const kit = await testJobs();
    const image = imageOf([TOP]);
    kit.start('j', image);
    await deliver(kit, TOP);
    await kit.reached('j', 'ready');
    const reports = kit.saidOf('report').length;
    kit.start('j', image);
    expect(kit.saidOf('report').length).toBe(reports + 1);
    expect(kit.report('j')).toMatchObject([{ state: 'ready' }]);
    expect(kit.exit.handed).toHaveLength(1);
  });

  it('tries its failed images again, and only those', async () => {
    const kit = await testJobs();
    const [a, b] = [imageOf([TOP], { mark: 'a' }), imageOf([TOP], { mark: 'b' })];
    kit.exit.before = ({ text }) => {
      if (text === b.job.reference) throw new Error('engine down');
    };
    kit.start('j', a, b);
    await deliver(kit, TOP);
    await kit.reached('j', 'ready', 'failed');
    kit.exit.before = () => {};
    kit.start('j', a, b);
    const reports = await kit.reached('j', 'ready', 'ready');
    expect(reports[1]?.error).toBeUndefined();
    expect(kit.exit.handed.map(({ text }) => text)).toEqual([a.job.reference, b.job.reference]);
  });

  it('while another image of it still runs lets that one run on: no report goes backwards', async () => {
    const kit = await testJobs();
    const [a, b] = [imageOf([BASE], { mark: 'a' }), imageOf([TOP], { mark: 'b' })];
    let fails = true;
    kit.exit.before = ({ text }) => {
      if (fails && text === b.job.reference) throw new Error('engine down');
    };
    kit.start('j', a, b);
    await deliver(kit, TOP);
    await kit.reached('j', 'fetching', 'failed');
    fails = false;
    kit.start('j', a, b);
    await kit.reached('j', 'fetching', 'ready');
    await deliver(kit, BASE);
    await kit.reached('j', 'ready', 'ready');
    expect(joinsOf(kit, BASE)).toHaveLength(1);
    expect(kit.exit.handed).toHaveLength(2);
  });
});

describe('a job that is closed', () => {
  it('stops fetching, is reported no more and starts no blob that was waiting', async () => {
    const kit = await testJobs();
    const layers = Array.from({ length: 40 }, (_, index) => blobOf(10 + index, { mark: `${index}` }));
    kit.start('j', imageOf(layers));
    await until('the joins', () => kit.saidOf('join').length === 32);
    kit.jobs.closed({ type: 'jobClosed', jobId: 'j', reason: 'cancelled' });
    kit.said.length = 0;
    kit.jobs.report();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    kit.swarms.sayAll();
    expect(kit.said).toEqual([]);
    expect(kit.jobs.reports()).toEqual([]);
  });

  it('leaves the layers another job waits for', async () => {
    const kit = await testJobs();
    const [a, b] = [imageOf([BASE], { mark: 'a' }), imageOf([BASE], { mark: 'b' })];
    kit.start('j1', a);
    kit.start('j2', b);
    await kit.heard('join');
    kit.jobs.closed({ type: 'jobClosed', jobId: 'j1', reason: 'cancelled' });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    kit.swarms.sayAll();
    expect(joinsOf(kit, BASE).at(-1)).toMatchObject({ jobId: 'j2' });
    await deliver(kit, BASE);
    await kit.reached('j2', 'ready');
  });

  it('aborts the exit that is under way', async () => {
    const kit = await testJobs();
    let aborted = false;
    kit.exit.before = (_image, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    kit.start('j', imageOf([TOP]));
    await deliver(kit, TOP);
    await until('the exit', () => kit.jobs.reports()[0]?.images[0]?.state === 'loading');
    const reports = kit.saidOf('report').length;
    kit.jobs.closed({ type: 'jobClosed', jobId: 'j', reason: 'cancelled' });
    await until('the abort', () => aborted);
    expect(kit.saidOf('report')).toHaveLength(reports);
  });

  it('that is unknown does no harm', async () => {
    (await testJobs()).jobs.closed({ type: 'jobClosed', jobId: 'x', reason: 'done' });
  });
});

describe('what happened to a job', () => {
  const eventsOf = (kit: Awaited<ReturnType<typeof testJobs>>) =>
    kit.saidOf('report').flatMap(({ events = [] }) => events);

  it('goes to the tracker once, with the reports', async () => {
    const kit = await testJobs();
    kit.start('j', imageOf([TOP]));
    await deliver(kit, TOP);
    await kit.reached('j', 'ready');
    kit.jobs.sayEnded();
    expect(eventsOf(kit)).toMatchObject([
      { level: 'info', event: 'fetching', bytes: TOP.size },
      { level: 'info', event: 'blob complete', digest: TOP.digest, bytes: TOP.size },
      { level: 'info', event: 'image ready' },
    ]);
  });

  it('waits while there is no session, with why an image failed', async () => {
    const kit = await testJobs();
    kit.exit.before = () => Promise.reject(new Error('the engine is gone'));
    kit.isTrackerThere = false;
    kit.start('j', imageOf([TOP]));
    await deliver(kit, TOP);
    await kit.reached('j', 'failed');
    expect(eventsOf(kit)).toEqual([]);
    kit.isTrackerThere = true;
    kit.jobs.sayEnded();
    expect(eventsOf(kit).at(-1)).toMatchObject({ level: 'error', event: 'image failed', text: expect.any(String) });
  });
});
