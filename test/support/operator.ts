/**
 * What an operator learns of a failure and of the next try, by the `shoal` command alone.
 *
 * Holds for every failure: people and programs read the same words, and no token is among them.
 */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageReport, JobView, SessionError } from '@shoal/tracker/client';
import { expect } from 'vitest';
import type { CommandResult, ShoalAgent, ShoalSite } from './shoal.ts';

export interface ToldError extends SessionError {
  source: 'shoal' | 'tracker' | 'registry';
}

export interface FailedJob {
  view: JobView;
  /** Of the only image on the only host. */
  report: ImageReport;
  error: SessionError;
  stderr: string;
}

const PREFIXES = { shoal: '', tracker: 'the tracker says: ', registry: 'the registry, asked by the tracker: ' };

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/shoal.js', import.meta.url));
const REFUSAL_MS = 30_000;

/** The end of a daemon that is to refuse its settings; the code is -1 when it has to be killed. */
export function refusedStart(daemon: string, configFile: string, ...args: string[]): Promise<CommandResult> {
  const options = { timeout: REFUSAL_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, daemon, '--config', configFile, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.killed ? -1 : Number(error.code), stdout, stderr });
    });
  });
}

/** The command fails as a person and as a program run it, and both are told the same. */
export async function refused(command: (...args: string[]) => Promise<CommandResult>, args: string[], code = 1) {
  const [people, program] = await Promise.all([command(...args), command(...args, '--json')]);
  const { error } = parse(program) as { error: ToldError };
  expect(people).toEqual({ code, stdout: '', stderr: `shoal: ${PREFIXES[error.source]}${error.text}\n` });
  expect(program).toMatchObject({ code, stderr: '' });
  hasNoToken(people, program);
  return error;
}

/** Orders one image for one host and waits; everything is there at the end. */
export async function distributes(site: ShoalSite, reference: string, host: string): Promise<JobView> {
  const result = await site.shoal('prewarm', reference, '--hosts', host, '--wait', '--json');
  expect(result, `${result.stderr}${result.stdout}`).toMatchObject({ code: 0 });
  const view = parse(result) as JobView;
  expect(view.hosts.map(({ name, state }) => `${name} ${state}`)).toEqual([`${host} ready`]);
  return view;
}

/** Orders one image for one host and waits; the job ends as failed, and a look at it later says the same. */
export async function fails(site: ShoalSite, reference: string, host: string): Promise<FailedJob> {
  const result = await site.shoal('prewarm', reference, '--hosts', host, '--wait', '--json');
  expect(result, `${result.stderr}${result.stdout}`).toMatchObject({ code: 1 });
  return failed(site, parse(result) as JobView, result.stderr);
}

export async function failed(site: ShoalSite, view: JobView, stderr = ''): Promise<FailedJob> {
  expect(view).toMatchObject({ state: 'failed', hosts: [{ state: 'failed', images: [{ state: 'failed' }] }] });
  const report = view.hosts[0]?.images[0] as ImageReport;
  const error = report.error as SessionError;
  const later = await site.shoal('job', view.id);
  expect(later.stdout).toContain(`${error.text} (${error.code})`);
  expect(later.stdout).toContain(`job ${view.id} failed: 0 of 1 hosts ready`);
  hasNoToken(later, { code: 1, stdout: JSON.stringify(view), stderr });
  return { view, report, error, stderr };
}

export function reportOf(view: JobView): ImageReport {
  return view.hosts[0]?.images[0] as ImageReport;
}

/** Folder of an agent's verified pieces. */
export function blobsOf({ dataDir }: ShoalAgent): string {
  return join(dataDir, 'data/blobs');
}

/** The same of the seeder in the tracker that an agent belongs to. */
export async function blobsOfSeeder({ dataDir }: ShoalAgent): Promise<string> {
  const { tracker } = JSON.parse(await readFile(join(dataDir, 'agent.yaml'), 'utf8')) as { tracker: { ca: string } };
  return join(dirname(tracker.ca), 'seeder/blobs');
}

export function hasNoToken(...results: CommandResult[]): void {
  for (const { stdout, stderr } of results) expect(stdout + stderr).not.toMatch(/shoal_(admin|reader|agent|seeder)_\S/);
}

function parse({ stdout, stderr }: CommandResult): unknown {
  expect(stdout, stderr).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout);
}
