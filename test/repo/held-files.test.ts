/** Windows refuses to rename or delete a file that is open elsewhere: product code does both where it is tried again. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const CALL = /(?<![.\w#])(?:fs\.)?(rename|unlink|rm|rmdir)(Sync)?\(/;

/** Each with why it may. */
const MAY: Readonly<Record<string, string>> = {
  'packages/agent/src/store/replace-file.ts': 'it is the place',
  'packages/cli/src/daemon/log-file.ts': 'a full log file that is held is tried again with a later line',
  'packages/cli/src/demo/demo-image.ts': 'in a folder that nobody else knows yet',
  'packages/cli/src/demo/demo-place.ts': 'maxRetries, and what is left is said',
  'packages/cli/src/doctor/check-disk.ts': 'maxRetries',
  'packages/tracker/src/backup.ts': 'an operator is there and repeats it; nothing is lost in between',
  'packages/cli/src/setup/host-files.ts': 'Linux only: on Windows the setup is a script',
};

it('files are renamed and deleted where a held one is tried again', () => {
  const sources = readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' })
    .map((path) => `packages/${path.replaceAll('\\', '/')}`)
    .filter((path) => /^packages\/\w+\/src\/.*\.ts$/.test(path) && !/\.(test|testkit)\.ts$/.test(path));
  const calling = sources.filter((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    return /from 'node:fs(\/promises)?'/.test(text) && text.split('\n').some((line) => CALL.test(line));
  });
  expect(calling.sort()).toEqual(Object.keys(MAY).sort());
});
