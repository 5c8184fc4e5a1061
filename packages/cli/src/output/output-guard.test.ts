import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { guardOutput } from './output-guard.ts';

function setUp() {
  const [stdout, stderr] = [new EventEmitter(), new EventEmitter()];
  const seen = { said: '', exits: [] as (number | undefined)[] };
  const becomesLog = guardOutput({
    ...{ stdout, stderr },
    say: (text) => {
      seen.said += text;
    },
    exit: (code) => void seen.exits.push(code),
  });
  const fail = (stream: EventEmitter, code: string) => stream.emit('error', Object.assign(new Error(code), { code }));
  return { stdout, stderr, seen, becomesLog, fail };
}

describe('output that cannot be written', () => {
  it('ends a verb quietly when its reader went away', () => {
    const { stdout, seen, fail } = setUp();
    fail(stdout, 'EPIPE');
    expect(seen).toEqual({ said: '', exits: [undefined] });
  });

  it('ends a verb as a failure when its result is lost', () => {
    const { stdout, seen, fail } = setUp();
    fail(stdout, 'ENOSPC');
    expect(seen).toEqual({ said: expect.stringContaining('ENOSPC'), exits: [1] });
  });

  it.each(['ENOSPC', 'EPIPE'])('does not end a daemon, which says so once: %s', (code) => {
    const { stdout, seen, becomesLog, fail } = setUp();
    becomesLog();
    fail(stdout, code);
    fail(stdout, code);
    expect(seen.exits).toEqual([]);
    expect(seen.said.match(/lines are lost/g)).toHaveLength(1);
  });

  it('is borne when nobody reads the errors', () => {
    const { stderr, seen, fail } = setUp();
    fail(stderr, 'EPIPE');
    expect(seen).toEqual({ said: '', exits: [] });
  });
});
