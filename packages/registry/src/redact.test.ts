import { expect, it } from 'vitest';
import { cleanText } from './redact.ts';

it('secrets, also url-encoded ones, are replaced', () => {
  expect(cleanText('pa ss/x pa%20ss%2Fx tail', ['pa ss/x'])).toBe('*** *** tail');
});

it('the query of a url is left out: it may be a signature', () => {
  expect(cleanText('see https://s3.test/a?X-Amz-Signature=abc now', [])).toBe('see https://s3.test/a?*** now');
});

it('control characters and great length do not reach the terminal', () => {
  expect(cleanText('a\u001b[31m\n\tb', [])).toBe('a [31m b');
  expect(cleanText('x'.repeat(5000), [])).toHaveLength(301);
});
