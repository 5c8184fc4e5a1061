/** Reads a policy file for a verb. Decides nothing about what it says. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ParsedPolicy, type Policy, parsePolicy } from '@shoal/policy';
import { ConfigError } from '../config/config-error.ts';
import { CliError } from '../errors.ts';

/** `file` is as the user wrote it and stands in front of each place. */
export function readPolicyFile(file: string, cwd: string): ParsedPolicy {
  return parsePolicy(textOf(file, cwd), file);
}

/** Throws ConfigError with every fault. */
export function readPolicy(file: string, cwd: string): Policy {
  const parsed = readPolicyFile(file, cwd);
  if (!parsed.ok) throw new ConfigError(parsed.faults, false);
  return parsed.policy;
}

function textOf(file: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8');
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    throw new CliError('UNREADABLE_FILE', `${file} cannot be read (${code}). Give the path of a policy file.`, {
      cause,
    });
  }
}
