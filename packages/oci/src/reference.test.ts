import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf } from './oci.testkit.ts';
import { engineName, formatReference, parseReference } from './reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseReference', () => {
  it.each([
    // text, canonical form, name in the engine
    ['nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27', 'nginx:1.27'],
    ['team/app', 'docker.io/team/app:latest', 'team/app:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
    ['index.docker.io/team/app:1', 'docker.io/team/app:1', 'team/app:1'],
    ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/a:1', '127.0.0.1:5000/a:1', '127.0.0.1:5000/a:1'],
    ['harbor.example.com/a/b:1', 'harbor.example.com/a/b:1', 'harbor.example.com/a/b:1'],
    ['[2001:db8::1]:5000/a/b:x', '[2001:db8::1]:5000/a/b:x', '[2001:db8::1]:5000/a/b:x'],
    ['[::1]/a', '[::1]/a:latest', '[::1]/a:latest'],
    ['Harbor.Example.com/a', 'Harbor.Example.com/a:latest', 'Harbor.Example.com/a:latest'],
    ['h.io/a__b/c-d.e---f:T_1.x-y', 'h.io/a__b/c-d.e---f:T_1.x-y', 'h.io/a__b/c-d.e---f:T_1.x-y'],
    [`h.io/a@${DIGEST}`, `h.io/a@${DIGEST}`, `h.io/a@${DIGEST}`],
    [`nginx:1@${DIGEST}`, `docker.io/library/nginx:1@${DIGEST}`, 'nginx:1'],
  ])('%s is %s, and %s in the engine', (text, canonical, engine) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(canonical);
    expect(engineName(reference)).toBe(engine);
    expect(parseReference(canonical)).toEqual(reference);
    expect(formatReference(parseReference(engine))).toBe(
      canonical.includes(':1@') ? 'docker.io/library/nginx:1' : canonical,
    );
  });

  it('gives no tag to a reference by digest', () => {
    expect(parseReference(`h.io/a@${DIGEST}`)).toEqual({ registry: 'h.io', repository: 'a', digest: DIGEST });
  });

  it.each([
    ['', 'is empty'],
    ['a b', 'white space'],
    ['nginx\n', 'white space'],
    ['https://h.io/a', 'no scheme'],
    ['h.io/Team/app', 'must be lower case'],
    ['Nginx', 'must be lower case'],
    ['Team/app', 'if "Team" is a registry'],
    ['h.io/', 'name of the repository is missing'],
    ['docker.io/', 'name of the repository is missing'],
    [':1', 'name of the repository is missing'],
    ['h.io/a//b', '"" cannot be a part'],
    ['h.io/a/', '"" cannot be a part'],
    ['h.io/../b', '".." cannot be a part'],
    ['h.io/a___b', '"a___b" cannot be a part'],
    ['h.io/-a', '"-a" cannot be a part'],
    [`h.io/${'a/'.repeat(127)}aa`, 'longer than 255'],
    ['h.io/a:', 'the tag ""'],
    ['h.io/a:.x', 'the tag ".x"'],
    ['h.io/a:ü', 'the tag "ü"'],
    [`h.io/a:${'t'.repeat(129)}`, 'at most 128'],
    ['h.io/a@', 'a digest is expected'],
    ['h.io/a@sha256:12', 'a digest is expected'],
    [`h.io/a@${DIGEST.toUpperCase()}`, 'a digest is expected'],
    [`h.io/a@${DIGEST}@${DIGEST}`, 'a digest is expected'],
    ['h_x.io/a', '"h_x.io" is not a registry host'],
    ['.io/a', '".io" is not a registry host'],
    ['::1/a', '"::1" is not a registry host'],
    ['[::1/a', '"[::1" is not a registry host'],
    ['h.io:x/a', '"h.io:x" is not a registry host'],
    ['h.io:/a', '"h.io:" is not a registry host'],
    ['h.io:70000/a', 'not between 1 and 65535'],
    ['user@h.io/a', 'a digest is expected'],
    [DIGEST.slice(7), 'an image ID'],
    [`h.io/${'a'.repeat(2000)}`, 'longer than 1024'],
  ])('%j is refused: %s', (text, reason) => {
    const error = errorOf(() => parseReference(text));
    expect(error.code).toBe('INVALID_REFERENCE');
    expect(error.message).toContain(reason);
    expect(error.message.length).toBeLessThan(400);
  });

  it('survives formatting and parsing again, whatever the parts', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
    const registry = fc.stringMatching(
      /^([a-z0-9]{1,8}\.[a-z]{2,3}|localhost|\[[0-9a-f:]{2,20}\])(:[1-9][0-9]{0,3})?$/,
    );
    const repository = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
    fc.assert(
      fc.property(registry, repository, tag, fc.boolean(), (host, path, name, pinned) => {
        const reference = parseReference(`${host}/${path}:${name}${pinned ? `@${DIGEST}` : ''}`);
        expect(reference).toMatchObject({ registry: host, repository: path, tag: name });
        expect(parseReference(formatReference(reference))).toEqual(reference);
      }),
    );
  });
});
