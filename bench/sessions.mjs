/*
 * One tracker and ten thousand agents' sessions, real WebSockets from a load program: idle, then a job over all of them
 * whose blob has 2,000 pieces that nobody has yet. Measures the tracker's process alone: its share of one core, its peak
 * memory, and how live a watched job stays.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { judge } from './harness/goals.mjs';
import { peakRssMB } from './harness/proc.mjs';
import { CONNECT_TIMEOUT_MS, measured, meter, openManySessions, PIECES } from './shoal/many-sessions.mjs';

/** @type {readonly string[]} */
export const ROWS = [];
export const DEFAULT_SIZE = undefined;
export const DEFAULT_ROUNDS = 1;
export const TAKES_HOSTS = true;
/** Two sockets each in one machine's table of ports. */
export const MAX_HOSTS = 20_000;

const SESSIONS = 10_000;
const PIECES_A_SECOND = 30;
const IDLE_MS = 20_000;
const SETTLE_MS = 5000;
const ASK_EVERY_MS = 200;

/** @type {readonly import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['jobPercentOfCore', '≤', 70],
  ['peakRssMB', '≤', 1000],
  ['idlePercentOfCore', '≤', 10],
];

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ hosts = SESSIONS, dir, say }) {
  const site = await openManySessions(dir, { count: hosts, piecesPerSecond: PIECES_A_SECOND });
  const { client, load, trackerPid } = site;
  const connecting = meter(trackerPid);
  await load.next('ready', CONNECT_TIMEOUT_MS);
  const connected = connecting();
  say(`${hosts} sessions in ${connected.seconds.toFixed(1)} s, ${connected.cpu.toFixed(1)} s of CPU`);
  await delay(SETTLE_MS);
  const idle = await measured(trackerPid, () => delay(IDLE_MS));
  say(`idle: ${idle.percent.toFixed(1)} % of a core`);

  const gaps = /** @type {number[]} */ ([]);
  const ordering = performance.now();
  const busy = meter(trackerPid);
  const job = await client.createJob({ images: ['bench.test/generated:1'], waves: undefined });
  const orderedMs = performance.now() - ordering;
  say(`ordered for ${job.counts.hosts} hosts in ${orderedMs.toFixed(0)} ms`);
  const progress = setInterval(() => {
    load.say({ do: 'tally' });
    void load.next('tally').then(
      (tally) => say(JSON.stringify({ ...tally, cpu: busy().percent.toFixed(0) })),
      () => {},
    );
  }, 10_000);
  const watching = watch(client, job.id, gaps);
  const asking = ask(client);
  const [last] = await Promise.all([watching, load.next('allReady', CONNECT_TIMEOUT_MS)]);
  clearInterval(progress);
  const work = busy();
  const answers = await asking.end();
  load.say({ do: 'tally' });
  const tally = await load.next('tally');
  const rss = peakRssMB(trackerPid);
  await site.close();
  const sorted = gaps.toSorted((a, b) => a - b);
  const figures = {
    sessions: hosts,
    jobPercentOfCore: work.percent,
    jobSeconds: work.seconds,
    peakRssMB: rss,
    idlePercentOfCore: idle.percent,
    orderMs: orderedMs,
    watchMedianGapMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    watchLongestGapMs: sorted.at(-1) ?? 0,
    answerMedianMs: answers[Math.floor(answers.length / 2)] ?? 0,
    answerLongestMs: answers.at(-1) ?? 0,
    readyHosts: last,
    lostSessions: tally.lost,
    connectCpuSeconds: connected.cpu,
  };
  const text = [`${hosts} sessions, ${PIECES} pieces, each host reporting every 2 s`, judge(figures, GOALS)].join('\n');
  return { figures, rows: [{ row: 'sessions', ...tally }], text };
}

/** Reads the stream to its end. @param {import('@shoal/tracker/client').TrackerClient} client @param {string} id @param {number[]} gaps */
async function watch(client, id, gaps) {
  let ready = 0;
  let before = performance.now();
  for await (const view of client.watchJob(id)) {
    gaps.push(performance.now() - before);
    before = performance.now();
    ready = view.counts.ready;
  }
  return ready;
}

/** How long others wait for the tracker meanwhile: one after the other. @param {import('@shoal/tracker/client').TrackerClient} client */
function ask(client) {
  /** @type {number[]} */
  const answers = [];
  let goesOn = true;
  const asked = (async () => {
    for (; goesOn; await delay(ASK_EVERY_MS)) {
      const before = performance.now();
      await client.tokens();
      answers.push(performance.now() - before);
    }
  })();
  return {
    async end() {
      goesOn = false;
      await asked;
      return answers.toSorted((a, b) => a - b);
    },
  };
}
