/** A program in the place of eventcreate.exe that writes down what it was called with, or fails. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileIn, temporaryFolder } from '../../cli.testkit.ts';

export interface FakeEventcreate {
  path: string;
  /** The arguments of each call so far. */
  calls(): string[][];
}

/** `ending` is what it does after that, as JavaScript. */
export function fakeEventcreate(ending = ''): FakeEventcreate {
  const folder = temporaryFolder();
  const record = join(folder, 'calls');
  const script = [
    `#!${process.execPath}`,
    `require('node:fs').appendFileSync(${JSON.stringify(record)}, JSON.stringify(process.argv.slice(2)) + '\\n');`,
    ending,
  ];
  const path = fileIn(folder, 'eventcreate.cjs', script.join('\n'));
  chmodSync(path, 0o755);
  return {
    path,
    calls: () =>
      existsSync(record)
        ? readFileSync(record, 'utf8')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as string[])
        : [],
  };
}
