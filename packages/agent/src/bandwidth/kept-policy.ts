/**
 * The bandwidth policy this host was told last, kept on disk: an agent that starts without its tracker
 * goes on with it. A text that cannot be read any more counts as none, and is said so.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Policy, parsePolicy } from '@shoal/policy';
import type { Logger } from 'pino';
import { replaceFile } from '../store/replace-file.ts';

export interface KeptPolicy {
  /** 0: there is none. */
  version: number;
  policy: Policy | undefined;
}

const NONE: KeptPolicy = { version: 0, policy: undefined };
const FILE = 'policy.json';

export async function loadPolicy(dataDir: string, logger: Logger): Promise<KeptPolicy> {
  try {
    const { version, text } = JSON.parse(await readFile(join(dataDir, FILE), 'utf8')) as PolicyText;
    return readPolicy({ version, text }, logger) ?? NONE;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn(
        { event: 'policy lost', err: error },
        'the kept bandwidth policy cannot be read; the tracker will send it',
      );
    return NONE;
  }
}

export interface PolicyText {
  version: number;
  text: string;
}

/** Undefined for what this agent does not understand: a newer tracker may know more, and the old policy stays. */
export function readPolicy({ version, text }: PolicyText, logger: Logger): KeptPolicy | undefined {
  if (version === 0) return NONE;
  const parsed = parsePolicy(text, 'bandwidth.yaml');
  if (parsed.ok) return { version, policy: parsed.policy };
  const untrusted = parsed.faults.map(({ at, key, text: what }) => `${at} ${key} ${what}`).join('\n');
  logger.error(
    { event: 'policy not understood', version, untrusted },
    'the tracker sent a bandwidth policy that this agent does not understand; upgrade it',
  );
  return undefined;
}

/** A full disk loses nothing but the memory of it: the tracker sends it again. */
export async function savePolicy(dataDir: string, policy: PolicyText): Promise<void> {
  await replaceFile(join(dataDir, FILE), Buffer.from(JSON.stringify(policy)));
}
