import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../cli.testkit.ts';
import { type LogFileOptions, openLogFile } from './log-file.ts';
import { createDaemonLogger } from './logger.ts';

function logIn(folder: string, more: Partial<LogFileOptions> = {}) {
  const said: string[] = [];
  const file = openLogFile({
    folder,
    name: 'agent.log',
    keep: 2,
    maxBytes: 10,
    say: (text) => said.push(text),
    ...more,
  });
  onTestFinished(() => file.close());
  return { ...file, said };
}

const textOf = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');

describe('a log file', () => {
  it('begins anew when it is full, and the oldest goes', () => {
    const folder = join(temporaryFolder(), 'made');
    const log = logIn(folder);
    for (const line of ['one\n', 'two\n', 'three\n', 'four\n', 'five\n', 'six67890\n']) log.write(line);
    expect(readdirSync(folder).sort()).toEqual(['agent.log', 'agent.log.1', 'agent.log.2']);
    expect([textOf(folder, 'agent.log'), textOf(folder, 'agent.log.1'), textOf(folder, 'agent.log.2')]).toEqual([
      'six67890\n',
      'four\nfive\n',
      'three\n',
    ]);
  });

  it('goes on where an earlier process ended', () => {
    const folder = temporaryFolder();
    logIn(folder).write('12345678\n');
    logIn(folder).write('next\n');
    expect([textOf(folder, 'agent.log'), textOf(folder, 'agent.log.1')]).toEqual(['next\n', '12345678\n']);
  });

  it('takes no older one away while it is held itself, nor when an older one is', () => {
    const folder = temporaryFolder();
    let heldPath = '';
    const rename = (from: string, to: string) => {
      if (from === heldPath) throw Object.assign(new Error('held'), { code: 'EBUSY' });
      renameSync(from, to);
    };
    const log = logIn(folder, { rename });
    const all = (...names: string[]) => names.map((name) => textOf(folder, `agent.log${name}`));
    for (const line of ['1234567a\n', '1234567b\n', '1234567c\n']) log.write(line);
    heldPath = join(folder, 'agent.log');
    for (const line of ['d\n', 'e\n', 'f\n']) log.write(line);
    expect(all('', '.1', '.2')).toEqual(['1234567c\nd\ne\nf\n', '1234567b\n', '1234567a\n']);
    heldPath = join(folder, 'agent.log.1');
    log.write('1234567g\n');
    log.write('1234567h\n');
    expect(all('', '.full', '.1')).toEqual(['1234567g\n1234567h\n', '1234567c\nd\ne\nf\n', '1234567b\n']);
    heldPath = '';
    log.write('1234567i\n');
    expect(all('', '.1', '.2')).toEqual(['1234567i\n', '1234567g\n1234567h\n', '1234567c\nd\ne\nf\n']);
  });

  it('that somebody holds loses no line, and is renamed when it is free again', () => {
    const folder = temporaryFolder();
    let held = true;
    const rename = (from: string, to: string) => {
      if (held) throw Object.assign(new Error('held'), { code: 'EBUSY' });
      renameSync(from, to);
    };
    const log = logIn(folder, { rename });
    for (const line of ['12345678\n', 'held one\n']) log.write(line);
    expect(textOf(folder, 'agent.log')).toBe('12345678\nheld one\n');
    held = false;
    log.write('free\n');
    expect([textOf(folder, 'agent.log'), textOf(folder, 'agent.log.1')]).toEqual(['free\n', '12345678\nheld one\n']);
    expect(log.said).toEqual([]);
  });

  it('has the lines of a daemon instead of stdout, without secrets', () => {
    const folder = temporaryFolder();
    const out: string[] = [];
    const io = { log: (line: string) => void out.push(line), stderr: () => {} };
    createDaemonLogger(io, 'tracker', { level: 'info', folder, keep: 5 }).info(
      { event: 'ready', token: 'secret' },
      'x',
    );
    expect(out).toEqual([]);
    expect(JSON.parse(textOf(folder, 'tracker.log'))).toMatchObject({ event: 'ready', token: '(hidden)' });
  });
});
