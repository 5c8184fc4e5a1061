import { type JobView, TrackerApiError, type TrackerClient } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { testIo } from '../cli.testkit.ts';
import { jobViewOf } from '../job-view.testkit.ts';
import { followJob } from './follow-job.ts';

const lost = new TrackerApiError({ code: 'UNREACHABLE', text: 'no answer', retryable: true }, 0);

const viewOf = (state: JobView['state']): JobView => jobViewOf([], { state });

/** Each call of `watchJob` is one connection: what it yields, then an error if there is one. */
function clientOf(
  connections: { views: JobView[]; error?: Error }[],
): Pick<TrackerClient, 'watchJob'> & { calls: number } {
  const client = {
    calls: 0,
    async *watchJob() {
      const { views, error } = connections[Math.min(client.calls++, connections.length - 1)] ?? { views: [] };
      yield* views;
      if (error) throw error;
    },
  };
  return client;
}

const follow = (client: ReturnType<typeof clientOf>, io = testIo()) =>
  followJob(client as TrackerClient & typeof client, 'j1', io);

describe('a job that is followed', () => {
  it('ends with its last state', async () => {
    const client = clientOf([{ views: [viewOf('running'), viewOf('done')] }]);
    expect(await follow(client)).toMatchObject({ state: 'done' });
  });

  it('outlives a tracker that is away for a while, and says so once', async () => {
    const io = testIo();
    const client = clientOf([
      { views: [viewOf('running')], error: lost },
      { views: [], error: lost },
      { views: [viewOf('failed')] },
    ]);
    expect(await follow(client, io)).toMatchObject({ state: 'failed' });
    expect(io.err.match(/does not answer/g)).toHaveLength(1);
  });

  it('is given up when the tracker stays away', async () => {
    const client = clientOf([{ views: [], error: lost }]);
    await expect(follow(client)).rejects.toBe(lost);
    expect(client.calls).toBe(31);
  });

  it('fails at once when the tracker refuses', async () => {
    const refused = new TrackerApiError({ code: 'UNKNOWN_JOB', text: 'no such job', retryable: false }, 404);
    await expect(follow(clientOf([{ views: [], error: refused }]))).rejects.toBe(refused);
  });

  it('goes on in the tracker when a person stops watching', async () => {
    const io = testIo();
    io.delay = async () => io.stop();
    await expect(follow(clientOf([{ views: [], error: lost }]), io)).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringContaining('the job goes on'),
    });
  });
});
