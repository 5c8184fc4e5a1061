/** What else of the host matters: open files, proxies of the environment, what `shoal setup` wrote. */
import { readFileSync } from 'node:fs';
import { readManifest } from '../setup/apply.ts';
import { undoOf } from '../setup/backup.ts';
import { openHostFiles } from '../setup/host-files.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** A link takes one file and a blob two; far above what a busy agent was seen to hold. */
const FEW_FILES = 4096;
const TOO_FEW_FILES = 1024;

/** Nothing where the system has no such limit. Node raises the soft limit to the hard one by itself. */
export function checkLimits(platform: NodeJS.Platform, limitsFile = '/proc/self/limits'): Finding[] {
  if (platform !== 'linux') return [];
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync(limitsFile, 'utf8')) ?? [];
  if (hard === undefined) return [];
  const most = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
  const text = `${hard} open files here; a service has its own limit`;
  const next = 'Raise it: LimitNOFILE=65536 in the unit, or ulimit -Hn.';
  if (most < TOO_FEW_FILES) return [fault('limits', text, next)];
  return [most < FEW_FILES ? warning('limits', text, next) : ok('limits', text)];
}

type Env = Readonly<Record<string, string | undefined>>;

/** Shoal connects straight. Only Node itself can be told otherwise, and then peers and tracker are not excepted. */
export function checkProxies(env: Env, trackerUrl: string): Finding {
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
  const set = names.filter((name) => (env[name] ?? '') !== '');
  if (set.length === 0) return ok('proxies', 'no proxy in the environment');
  const usesThem = env.NODE_USE_ENV_PROXY === '1' || /--use-env-proxy/.test(env.NODE_OPTIONS ?? '');
  if (!usesThem) return ok('proxies', `${set.join(', ')} is set; Shoal connects straight, without it`);
  const { hostname } = new URL(trackerUrl);
  const passed = env.NO_PROXY || env.no_proxy || '';
  if (isExcepted(passed, hostname) && isExcepted(passed, '127.0.0.1'))
    return ok('proxies', `${set.join(', ')} is set; NO_PROXY excepts the tracker and this host`);
  return fault(
    'proxies',
    `${set.join(', ')} with NODE_USE_ENV_PROXY leads requests to the tracker through a proxy`,
    `Take NODE_USE_ENV_PROXY away, or add ${hostname},127.0.0.1 to NO_PROXY.`,
  );
}

/** Names, endings (`.example.com`, `*.example.com`) and `*`, with commas between them. */
export function isExcepted(noProxy: string, host: string): boolean {
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .map((entry) => entry.replace(/:\d+$/, ''))
    .some((entry) => {
      if (entry === '*') return true;
      const ending = entry.replace(/^\*?\./, '.');
      return ending.startsWith('.')
        ? host.toLowerCase().endsWith(ending)
        : entry !== '' && host.toLowerCase() === entry;
    });
}

/** Whether the files that `shoal setup` wrote are as it left them. `folder`: `<dataDir>/setup`. */
export function checkSetup(folder: string): Finding[] {
  const files = openHostFiles('/');
  const { files: written } = readManifest({ files, folder });
  if (written.length === 0) return [];
  const changed = written.filter((file) => {
    const now = files.state(file.path);
    return now === undefined || undoOf(file, now, false) === 'refuse';
  });
  const programs = [...new Set(written.map(({ program }) => program))].join(', ');
  if (changed.length === 0) return [ok('setup', `what "shoal setup" wrote for ${programs} is in place`)];
  return changed.map(({ path, program }) =>
    warning(
      'setup',
      `${path} is not as "shoal setup ${program}" left it`,
      `"shoal setup ${program} --dry-run" shows what is missing.`,
    ),
  );
}
