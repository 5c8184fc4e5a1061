/* What a bench needs of the tracker's client, for a tracker in a namespace we cannot reach: orders to its program. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;

/**
 * @typedef {import('@shoal/tracker/client').TrackerClient} TrackerClient
 * @typedef {Pick<TrackerClient, 'createJob' | 'job' | 'watchJob' | 'applyPolicy' | 'close'> & { cancelJob(id: string): Promise<import('@shoal/tracker/client').JobView> }} JobClient
 */

/** @param {import('../harness/child.mjs').Child} tracker @returns {JobClient} */
export function createRemoteClient(tracker) {
  /** @param {'createJob' | 'job' | 'cancelJob' | 'applyPolicy'} method @param {unknown} argument */
  const call = async (method, argument) => {
    tracker.say({ do: 'call', method, argument });
    return (await tracker.next('answer')).value;
  };
  /** @param {string} id */
  const job = (id) => call('job', id);
  return {
    createJob: (request) => call('createJob', request),
    job,
    cancelJob: (id) => call('cancelJob', id),
    applyPolicy: (text) => call('applyPolicy', text),
    async *watchJob(id, { signal } = {}) {
      for (;;) {
        signal?.throwIfAborted();
        const view = await job(id);
        yield view;
        if (view.state !== 'running') return;
        await delay(POLL_MS);
      }
    },
    close: async () => {},
  };
}
