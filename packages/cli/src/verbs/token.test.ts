import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { startTestTracker } from '../tracker.testkit.ts';

describe('shoal token', () => {
  it('makes a token that a running tracker takes, prints it once, and revokes it', async () => {
    const { dataDir, tracker } = await startTestTracker();
    const place = ['--data-dir', dataDir];
    const made = await run(['token', 'create', '--role', 'reader', '--name', 'ada', ...place]);
    expect(made.out).toMatch(/^shoal_reader_[\w-]+\n$/);
    const token = made.out.trim();
    const ask = () => run(['hosts'], { env: { SHOAL_TRACKER: tracker.url, SHOAL_TOKEN: token } });
    expect((await ask()).code).toBe(0);
    const listed = await run(['token', 'list', '--json', ...place]);
    const { id } = JSON.parse(listed.out).find((view: { name: string }) => view.name === 'ada');
    expect(listed.out + made.err).not.toContain(token);
    expect((await run(['token', 'list', ...place])).out).toMatch(new RegExp(`^${id} +reader +ada `, 'm'));
    expect((await run(['token', 'revoke', id, ...place])).code).toBe(0);
    expect((await ask()).code).toBe(1);
    expect(await run(['token', 'revoke', id, ...place])).toMatchObject({ code: 1 });
  });

  it('has the token and its id with --json', async () => {
    const place = ['--data-dir', join(temporaryFolder(), 'new')];
    const { out } = await run(['token', 'create', '--role', 'agent', '--name', 'web-1', '--json', ...place]);
    const made = JSON.parse(out);
    expect(made).toEqual({ id: expect.any(String), role: 'agent', name: 'web-1', token: expect.any(String) });
    const list = JSON.parse((await run(['token', 'list', '--json', ...place])).out);
    expect(list).toMatchObject([{ id: made.id, role: 'agent', name: 'web-1' }]);
  });

  it('finds the database by the settings of the tracker, whatever else they lack', async () => {
    const cwd = temporaryFolder();
    fileIn(cwd, 'tracker.yaml', 'dataDir: data');
    const args = ['token', 'create', '--role', 'admin', '--name', 'ada', '--config', 'tracker.yaml'];
    expect((await run(args, { cwd })).code).toBe(0);
    expect((await run(['token', 'list', '--data-dir', 'data'], { cwd })).out).toContain('ada');
  });

  it('does not make a database to list or revoke from', async () => {
    const { code, err } = await run(['token', 'list', '--data-dir', join(temporaryFolder(), 'typo')]);
    expect(code).toBe(1);
    expect(err).toMatch(/^shoal: there is no folder .*typo/);
  });

  it('points to the help of the very verb that was used wrongly', async () => {
    expect((await run(['token', 'create', '--role', 'admin'])).err).toContain('"shoal token create --help"');
    expect((await run(['token', 'grant'])).err).toContain('"shoal token --help"');
  });

  it('says what is wrong with the settings it was pointed to', async () => {
    const { code, err } = await run(['token', 'list', '--config', 'nofile.yaml']);
    expect(code).toBe(2);
    expect(err).toMatch(/^shoal: one fault in the settings:\n {2}nofile\.yaml: cannot be read \(ENOENT\)/);
  });

  it.each([[['--role', 'king', '--name', 'a']], [['--role', 'admin']], [['--role', 'admin', '--name', ' ']]])(
    'is used wrongly: %j',
    async (args) => {
      expect((await run(['token', 'create', ...args, '--data-dir', temporaryFolder()])).code).toBe(2);
    },
  );
});
