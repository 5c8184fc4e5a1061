/**
 * Says why a command failed: one line for people on stderr, one object for programs on stdout. Decides the form only.
 */
import { ConfigError } from '../config/config-error.ts';
import { type ToldError, tellError } from '../errors.ts';
import { printable } from './format.ts';
import type { Io } from './io.ts';

/** Returns the exit code. */
export function reportError(error: unknown, io: Io, json: boolean): number {
  const told = tellError(error);
  if (json) io.stdout(`${JSON.stringify({ error: bodyOf(told, error) })}\n`);
  else if (error instanceof ConfigError) io.stderr(faultLines(error));
  else io.stderr(`${lineOf(told)}\n`);
  return told.exitCode;
}

function bodyOf({ code, text, retryable, source }: ToldError, error: unknown) {
  return { code, text, retryable, source, ...(error instanceof ConfigError ? { faults: error.faults } : {}) };
}

function lineOf({ text, source }: ToldError): string {
  const says = { shoal: '', tracker: 'the tracker says: ', registry: 'the registry, asked by the tracker: ' };
  return `shoal: ${says[source]}${printable(text)}`;
}

/** All faults of a file at once, one a line: an editor finds its way by `file:line:column:`. */
function faultLines({ faults, message, isStart }: ConfigError): string {
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  const lines = message.split('\n').map((line) => `  ${printable(line)}\n`);
  return `shoal: ${isStart ? 'not started, ' : ''}${count} in the settings:\n${lines.join('')}`;
}
