import { describe, expect, it } from 'vitest';
import { EVENT_KINDS, eventIdOf } from './event-ids.ts';
import { eventText, MAX_TEXT_CHARS, readError } from './event-text.ts';

const lineOf = (entry: Record<string, unknown>) => JSON.stringify({ level: 50, time: 'now', pid: 1, ...entry });

describe('what of the log goes into the event log', () => {
  it('is errors and what ends a daemon, nothing below', () => {
    expect(readError(lineOf({ level: 40, msg: 'degraded' }))).toBeUndefined();
    expect(readError(lineOf({ level: 50, msg: 'act' }))).toMatchObject({ id: 1, text: 'error: act' });
    expect(readError(lineOf({ level: 60, code: 'PORT_IN_USE', msg: 'over' }))).toMatchObject({ id: 102 });
  });

  it('begins with the code, and has the facts after what happened', () => {
    const entry = { event: 'image failed', jobId: 'j1', code: 'DISK_FULL', untrusted: 'no room', msg: 'image failed' };
    expect(readError(lineOf(entry))).toMatchObject({
      id: 200,
      text: 'DISK_FULL: image failed | jobId: j1 | untrusted: no room',
    });
  });

  it('takes code and text of an error that was logged as it is, without where in the code it was', () => {
    const err = { type: 'SqliteError', code: 'SQLITE_FULL', message: 'database or disk is full', stack: 'at x.js:1' };
    expect(readError(lineOf({ jobId: 'j1', err, msg: 'a job is not saved' }))).toMatchObject({
      id: 200,
      text: 'SQLITE_FULL: a job is not saved | jobId: j1 | error: database or disk is full',
    });
  });

  it('is of one kind when only its facts differ', () => {
    const keyOf = (entry: Record<string, unknown>) => readError(lineOf({ msg: 'image failed', ...entry }))?.key;
    expect(keyOf({ code: 'CUT', jobId: 'a' })).toBe(keyOf({ code: 'CUT', jobId: 'b' }));
    expect(keyOf({ code: 'CUT' })).not.toBe(keyOf({ code: 'DISK_FULL' }));
  });
});

describe('the text of an event', () => {
  it('is one line that needs no escaping', () => {
    expect(eventText('a "b"\r\n\tc\0d\u2028e')).toBe("a 'b' c d e");
  });

  it('keeps what is not ASCII', () => {
    expect(eventText('Größe 镜像 🐟')).toBe('Größe 镜像 🐟');
  });

  it('has nothing that the Event Viewer would replace', () => {
    expect(eventText('fe80::1%4 %%5 100% %2F %!s')).toBe('fe80::1% 4 % % 5 100% % 2F % !s');
  });

  it('is cut, not in the middle of a character', () => {
    expect(eventText('x'.repeat(MAX_TEXT_CHARS))).toHaveLength(MAX_TEXT_CHARS);
    expect(eventText('x'.repeat(MAX_TEXT_CHARS + 1))).toBe(`${'x'.repeat(MAX_TEXT_CHARS - 1)}…`);
    expect(eventText('a🐟b', 3)).toBe('a\ufffd…');
  });
});

describe('event ids', () => {
  it('are those that eventcreate.exe takes, and no name has two', () => {
    for (const id of Object.keys(EVENT_KINDS).map(Number)) {
      expect(id).toBeGreaterThanOrEqual(1);
      expect(id).toBeLessThanOrEqual(1000);
    }
    const names = Object.values(EVENT_KINDS).flatMap((kind) => kind.names);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('go by what happened before they go by the code', () => {
    expect(eventIdOf({ event: 'tracker refused', code: 'UNAUTHORIZED' })).toBe(110);
    expect(eventIdOf({ event: 'image failed', code: 'UNAUTHORIZED' })).toBe(400);
    expect(eventIdOf({ event: undefined, code: 'SQLITE_IOERR_WRITE' })).toBe(201);
    expect(eventIdOf({ event: 'new', code: 'NEVER_HEARD_OF' })).toBe(1);
  });
});
