import { describe, expect, it } from 'vitest';
import { OCI_ERRORS, OciError, quoted } from './errors.ts';

describe('OciError', () => {
  it('takes status and retryable from the table', () => {
    const error = new OciError('NO_PLATFORM', 'none for linux/amd64');
    expect(error).toMatchObject({
      name: 'OciError',
      message: 'none for linux/amd64',
      ...{ status: OCI_ERRORS.NO_PLATFORM.status },
    });
    expect(error.retryable).toBe(false);
  });
});

describe('quoted', () => {
  it('escapes control characters and cuts long text', () => {
    expect(quoted('a\u001b[2J\n')).toBe('"a\\u001b[2J\\n"');
    expect(quoted('x'.repeat(5000)).length).toBeLessThan(130);
  });
});
