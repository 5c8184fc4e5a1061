import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder, testIo } from '../../cli.testkit.ts';
import { CliError } from '../../errors.ts';
import { createDaemonLogger } from '../logger.ts';
import { fakeEventcreate } from './event-log.testkit.ts';
import { type DaemonIo, type EventLogChoice, withEventLog } from './with-event-log.ts';

const LOG = { level: 'info', keep: 5 } as const;

function choiceOf(
  program: string,
  platform: NodeJS.Platform = 'win32',
): EventLogChoice & { io: ReturnType<typeof testIo> } {
  return { daemon: 'agent', wanted: true, io: testIo({ platform }), program };
}

const logged = (io: DaemonIo) => createDaemonLogger(io, 'agent', LOG);

describe.skipIf(process.platform === 'win32')('errors of a service on Windows', () => {
  it('reach eventcreate.exe as one argument, whatever is in their text, and stay in the log', async () => {
    const program = fakeEventcreate();
    const choice = choiceOf(program.path);
    await withEventLog(choice, async (io) => {
      logged(io).info({ event: 'ready' }, 'agent ready');
      logged(io).error({ code: 'LOAD_REFUSED', untrusted: 'a "quote"; & $(x)\n%1 größer C:\\' }, 'image failed');
    });
    const text = "LOAD_REFUSED: image failed | untrusted: a 'quote'; & $(x) % 1 größer C:\\";
    expect(program.calls()).toEqual([
      ['/L', 'APPLICATION', '/T', 'ERROR', '/SO', 'shoal-agent', '/ID', '303', '/D', text],
    ]);
    expect(
      choice.io.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).level),
    ).toEqual([30, 50]);
  });

  it('have no secrets', async () => {
    const program = fakeEventcreate();
    await withEventLog(choiceOf(program.path), async (io) => logged(io).error({ token: 'shoal_agent_x' }, 'refused'));
    expect(program.calls()[0]?.at(-1)).toBe('error: refused | token: (hidden)');
  });

  it('have what ended the daemon, and it ends with that', async () => {
    const program = fakeEventcreate();
    const ending = withEventLog(choiceOf(program.path), async () => {
      throw new CliError('PORT_IN_USE', '0.0.0.0:7610 is taken by another program; set peer.port to a free port.');
    });
    await expect(ending).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(program.calls().map((args) => args.slice(7))).toEqual([
      ['102', '/D', 'PORT_IN_USE: 0.0.0.0:7610 is taken by another program; set peer.port to a free port.'],
    ]);
  });

  it('that cannot be written keep no daemon from its work, and the log says so once', async () => {
    const program = fakeEventcreate("process.stderr.write('ERROR: Access is denied.'); process.exitCode = 1;");
    const choice = choiceOf(program.path);
    await withEventLog(choice, async (io) => {
      for (const msg of ['one', 'two']) logged(io).error({}, msg);
    });
    expect(program.calls()).toHaveLength(2);
    const warnings = choice.io.out.split('\n').filter((line) => line.includes('"event log not written"'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? '')).toMatchObject({
      level: 40,
      untrusted: `${program.path}: ERROR: Access is denied.`,
    });
  });

  it('go nowhere else when there is no such program', async () => {
    const choice = choiceOf(join(temporaryFolder(), 'none.exe'));
    await withEventLog(choice, async (io) => logged(io).error({}, 'one'));
    expect(choice.io.out).toContain('ENOENT');
  });
});

describe('shoal agent and shoal tracker', () => {
  it.each(['agent', 'tracker'])('%s: refused settings are tried to be written, too', async (verb) => {
    const config = fileIn(temporaryFolder(), 'settings.yaml', 'nonsense: 1');
    const ran = await run([verb, '--event-log', '--config', config], {
      platform: 'win32',
      env: { SystemRoot: 'C:\\none' },
    });
    expect(ran.code).toBe(2);
    expect(ran.err).toContain(`shoal ${verb}: no event can be written to Windows' event log: C:\\none\\System32`);
  });

  it.each(['agent', 'tracker'])('%s: not asked to, or not on Windows, nothing is written', async (verb) => {
    const config = fileIn(temporaryFolder(), 'settings.yaml', 'nonsense: 1');
    const unasked = await run([verb, '--config', config], { platform: 'win32' });
    expect(unasked.err).not.toContain('event');
    const program = fakeEventcreate();
    const elsewhere = withEventLog(choiceOf(program.path, 'linux'), async () => {});
    await expect(elsewhere).rejects.toMatchObject({ code: 'WRONG_USAGE' });
    const ran = await run([verb, '--event-log', '--config', config]);
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('--event-log is for Windows')]);
    expect(program.calls()).toEqual([]);
  });
});
