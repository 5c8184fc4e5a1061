/*
 * What Linux says of a process: CPU time and peak memory, whole process with all its threads (proc(5)). Reads only.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** USER_HZ: what /proc counts CPU time in on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

const IDLE_WINDOW_MS = 500;
/** A process with timers only; one that hashes or flushes takes far more. */
const IDLE_CPU_SECONDS = 0.03;

/** utime + stime, threads that ended included, children not. @param {readonly number[]} pids */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15, the name is field 2.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** From here on the peak counts anew; where the kernel forbids it, it goes on counting from the start. @param {number} pid */
export function resetPeakRss(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // not our process's right (hardened kernel): the peak then includes the time before
  }
}

/** VmHWM in MB (10^6 bytes). @param {number} pid */
export function peakRssMB(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return (Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}

/** What it had written to disks since its start, also what is not there yet. @param {number} pid */
export function writtenBytes(pid) {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
}

/** Resolves when these processes have little to do, or after `timeoutMs`. @param {readonly number[]} pids @param {number} timeoutMs */
export async function waitUntilIdle(pids, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  for (let idleWindows = 0; idleWindows < 2 && performance.now() < deadline; ) {
    const before = cpuSeconds(pids);
    await delay(IDLE_WINDOW_MS);
    idleWindows = cpuSeconds(pids) - before <= IDLE_CPU_SECONDS * pids.length ? idleWindows + 1 : 0;
  }
}

/** What could be taken without swapping, in bytes. */
export function availableMemoryBytes() {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1]) * 1024;
}

/** CPU seconds of the whole machine since boot, all of them and the busy ones. */
export function machineCpu() {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  // user nice system idle iowait irq softirq steal; guest time, which follows, is in user time already.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const waiting = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { total: total / TICKS_PER_SECOND, busy: (total - waiting) / TICKS_PER_SECOND };
}

/** Bytes that went over the loopback interface since boot. */
export function loopbackBytes() {
  return Number(/^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'latin1'))?.[1]);
}
