/**
 * Windows has no file of counters: one PowerShell child prints them ten times a second for as long as its stdin is open.
 * This file keeps that child alive and adds up what it prints. It has no timer: `read` starts a child again.
 *
 * The physical adapters are summed. Traffic of containers passes the virtual switch and never the host's own virtual
 * adapter; the members of a team count what the team carries.
 */

import { spawn as nodeSpawn } from 'node:child_process';
import { win32 } from 'node:path';
import type { NicCounters, NicOptions, NicReading, SpawnChild } from './nic-counters.ts';
import { createMissingNames } from './nic-names.ts';
import { createNicSum } from './nic-sum.ts';
import { createLineSplitter, parseAdapters, type WindowsAdapter } from './nic-windows-lines.ts';

const [LEAST_BACKOFF_MS, MOST_BACKOFF_MS] = [1_000, 60_000];
/** A child that lived so long was well: the next one starts at once again. */
const WELL_AFTER_MS = 60_000;
/** Older than this a reading says nothing about the link now. */
const STALE_AFTER_MS = 3_000;
/** PowerShell starts within seconds, on a busy host within many. */
const SILENT_AFTER_MS = 30_000;
const MOST_STDERR_CHARS = 500;

/**
 * No double quotes: they would not outlive the command line. Properties that are numbers in every language. Ends when
 * stdin ends, or when nobody takes its lines. Never run on Windows by us: unverified.
 */
export const COUNTER_SCRIPT = `
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Threading.Thread]::CurrentThread.CurrentCulture = [Globalization.CultureInfo]::InvariantCulture
[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false
[byte[]]$buffer = 0
$ended = [Console]::OpenStandardInput().ReadAsync($buffer, 0, 1)
$clock = [Diagnostics.Stopwatch]::StartNew()
$lookAtMs = 0
while (-not $ended.IsCompleted) {
  $startMs = $clock.ElapsedMilliseconds
  if ($startMs -ge $lookAtMs) {
    $known = @{}
    Get-NetAdapter | ForEach-Object { $known[$_.Name] = $_ }
    $physical = @(Get-NetAdapter -Physical | ForEach-Object { $_.Name })
    $lookAtMs = $startMs + 10000
  }
  $adapters = @(Get-NetAdapterStatistics | Where-Object { $known.ContainsKey($_.Name) } | ForEach-Object {
    $adapter = $known[$_.Name]
    @{
      name = $_.Name
      physical = $physical -contains $_.Name
      up = $adapter.InterfaceOperationalStatus -eq 1
      receivedBytes = $_.ReceivedBytes
      sentBytes = $_.SentBytes
      linkBitsPerSecond = $adapter.TransmitLinkSpeed
    }
  })
  [Console]::Out.WriteLine((ConvertTo-Json -Compress -Depth 3 -InputObject @{ adapters = $adapters }))
  $restMs = 100 - ($clock.ElapsedMilliseconds - $startMs)
  if ($restMs -gt 0) { $null = $ended.Wait([int]$restMs) }
}
`.trim();

interface Run {
  startedAtMs: number;
  heardAtMs: number;
  stop(): void;
}

export function openWindowsCounters(options: NicOptions): NicCounters {
  const { measure, now, logger, spawn = nodeSpawn } = options;
  const warnMissing = createMissingNames(logger);
  const sum = createNicSum();
  let newest: NicReading | undefined;
  let run: Run | undefined;
  let startAtMs = now();
  let backoffMs = LEAST_BACKOFF_MS;
  let isClosed = false;
  let isTold = false;

  const take = (adapters: WindowsAdapter[]): void => {
    const chosen = chooseAdapters(adapters, measure);
    warnMissing(missingNames(adapters, measure), adapters.map(({ name }) => name).sort());
    const bytes = sum.add(new Map(chosen.map((one) => [one.name, one])));
    const interfaces = chosen.map(({ name }) => name).sort();
    const link = chosen.reduce((total, one) => total + (one.linkBytesPerSecond ?? Number.NaN), 0);
    newest =
      chosen.length === 0
        ? undefined
        : { ...bytes, linkBytesPerSecond: link > 0 ? link : undefined, interfaces, atMs: now() };
  };

  const ended = (ending: Run, why: string): void => {
    if (run !== ending) return;
    run = undefined;
    newest = undefined;
    const atMs = now();
    if (atMs - ending.startedAtMs >= WELL_AFTER_MS) {
      backoffMs = LEAST_BACKOFF_MS;
      isTold = false;
    }
    startAtMs = atMs + backoffMs;
    // Once, not with each restart of a host that has no PowerShell.
    if (!isTold) logger.warn({ event: 'nic unknown', untrusted: why }, `the network counters ended; trying again`);
    isTold = true;
    backoffMs = Math.min(MOST_BACKOFF_MS, backoffMs * 2);
  };

  const start = (atMs: number): void => {
    const started: Run = { startedAtMs: atMs, heardAtMs: atMs, stop: () => {} };
    run = started;
    const onLine = (line: string): void => {
      const adapters = run === started ? parseAdapters(line) : undefined;
      if (adapters === undefined) return;
      started.heardAtMs = now();
      take(adapters);
    };
    try {
      started.stop = startChild(spawn, { onLine, onEnd: (why) => ended(started, why) });
    } catch (error) {
      ended(started, String(error));
    }
  };

  const keepRunning = (atMs: number): void => {
    if (run !== undefined && atMs - run.heardAtMs >= SILENT_AFTER_MS) {
      const silent = run;
      silent.stop();
      ended(silent, 'no counters for too long');
    }
    if (run === undefined && atMs >= startAtMs) start(atMs);
  };

  keepRunning(startAtMs);
  return {
    read() {
      if (isClosed) return undefined;
      const atMs = now();
      keepRunning(atMs);
      return newest !== undefined && atMs - newest.atMs <= STALE_AFTER_MS ? newest : undefined;
    },
    close() {
      isClosed = true;
      run?.stop();
      // What it still says is for nobody.
      run = undefined;
    },
  };
}

interface ChildEvents {
  onLine(line: string): void;
  /** Maybe more than once. */
  onEnd(why: string): void;
}

/** Returns how to stop it. */
function startChild(spawn: SpawnChild, { onLine, onEnd }: ChildEvents): () => void {
  // A whole path: a bare name would be looked for in the working folder first.
  const powershell = win32.join(
    process.env.SystemRoot ?? 'C:\\Windows',
    'System32\\WindowsPowerShell\\v1.0\\powershell.exe',
  );
  // `-InputFormat None` leaves stdin to the script, which would wait at its end for the rest of it otherwise.
  const args = ['-NoProfile', '-NonInteractive', '-InputFormat', 'None', '-Command', COUNTER_SCRIPT];
  const child = spawn(powershell, args, { windowsHide: true });
  let lastWords = '';
  child.on('error', (error) => onEnd(error.message));
  child.on('close', (code) => onEnd(lastWords.trim() || `exit code ${code}`));
  // A child that is gone already: its end is told by `close`.
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', createLineSplitter(onLine));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-MOST_STDERR_CHARS);
  });
  return () => {
    child.stdin.end();
    child.kill();
  };
}

/** Names of adapters have no case. Without a physical one (a container's) whatever is up carries it. */
function chooseAdapters(adapters: WindowsAdapter[], measure: readonly string[] | undefined): WindowsAdapter[] {
  if (measure !== undefined) return adapters.filter((one) => measure.some((name) => isSame(name, one.name)));
  const physical = adapters.filter((one) => one.physical);
  return physical.length > 0 ? physical : adapters.filter((one) => one.up);
}

function missingNames(adapters: WindowsAdapter[], measure: readonly string[] = []): string[] {
  return measure.filter((name) => !adapters.some((one) => isSame(name, one.name)));
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
