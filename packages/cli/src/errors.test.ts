import { RegistryError } from '@shoal/registry';
import { TrackerApiError } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { CliError, tellError } from './errors.ts';

const answer = (code: string, status: number) => new TrackerApiError({ code, text: 'words', retryable: false }, status);

describe('an error says whose words it has', () => {
  it.each([
    [answer('UNKNOWN_JOB', 404), 'tracker'],
    [answer('UNAUTHORIZED', 401), 'tracker'],
    [answer('UNAUTHORIZED', 502), 'registry'],
    [answer('UNKNOWN_MANIFEST', 404), 'registry'],
    [answer('RATE_LIMITED', 503), 'registry'],
    [answer('UNREACHABLE', 502), 'registry'],
    [answer('UNREACHABLE', 0), 'shoal'],
    [new RegistryError('CUT', 'words'), 'registry'],
    [new CliError('FAILED', 'words'), 'shoal'],
    [new Error('words'), 'shoal'],
  ])('%s', (error, source) => {
    expect(tellError(error).source).toBe(source);
  });
});

describe('an error says what to do next', () => {
  it('for a token the tracker does not know', () => {
    expect(tellError(answer('UNAUTHORIZED', 401)).text).toBe(
      'words. Give a token of this tracker with --token-file or SHOAL_TOKEN; "shoal token create" makes one.',
    );
  });

  it('for a certificate that is not trusted', () => {
    const cause = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const error = new TrackerApiError({ code: 'UNREACHABLE', text: 'words', retryable: true }, 0, { cause });
    expect(tellError(error).text).toContain('give the PEM');
  });

  it('but leaves the words of a registry as they are', () => {
    expect(tellError(answer('UNAUTHORIZED', 502)).text).toBe('words');
  });
});

describe('exit codes', () => {
  it('are 2 for what was given wrongly and 1 for what failed', () => {
    expect(tellError(new CliError('WRONG_USAGE', '')).exitCode).toBe(2);
    expect(tellError(new CliError('AGENT_UNREACHABLE', '')).exitCode).toBe(1);
    expect(tellError('anything').exitCode).toBe(1);
  });
});
