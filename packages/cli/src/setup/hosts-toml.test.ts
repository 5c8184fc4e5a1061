import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { hostsTomlWith } from './hosts-toml.ts';

const OURS = 'http://127.0.0.1:7620';
const withUs = (old: string | undefined, proxyUrl = OURS, host = 'harbor.example.com') =>
  hostsTomlWith(old, { host, proxyUrl }, '/h.toml');
const BLOCK = `# >>> shoal setup: asked first
[host."${OURS}"]
  capabilities = ["pull", "resolve"]
# <<< shoal setup
`;

describe('hosts.toml', () => {
  it.each([undefined, '', '\n'])('made from %j has the registry and us before it', (old) => {
    expect(withUs(old)).toBe(`server = "https://harbor.example.com"\n\n${BLOCK}`);
  });

  it('of Docker Hub names the host that serves it', () => {
    expect(withUs(undefined, OURS, 'docker.io')).toContain('server = "https://registry-1.docker.io"\n');
  });

  it("puts us before the first host of somebody else's file and keeps the rest", () => {
    const [head, tail] = ['# mine\nserver = "https://x"\n\n', '[host."https://m.example"]\n  ca = "/m.crt"\n# end'];
    expect(withUs(head + tail)).toBe(`${head}${BLOCK}\n${tail}`);
  });

  it('puts us at the end when there is no host', () => {
    expect(withUs('server = "https://x"\n[header]\n  x-a = "1"')).toBe(
      `server = "https://x"\n[header]\n  x-a = "1"\n\n${BLOCK}`,
    );
  });

  it.each([
    ['[ host . "https://m.example" ]\n', 0],
    ["a = '''\n[host.x]\n'''\n[host.'https://m.example']\n", 'refused'],
    ['host."https://m.example".ca = "/m.crt"\n', 'refused'],
    ['[host]\n[host."https://m.example"]\n', 7],
  ])('%j: only where it is safe', (old, at) => {
    if (at === 'refused')
      expect(() => withUs(old)).toThrow(/no safe place.*\[host\."http:\/\/127\.0\.0\.1:7620"\] \/ cap/);
    else expect(withUs(old).indexOf(BLOCK)).toBe(at);
  });

  it('with us in it, however it came there, stays as it is', () => {
    const byHand = `[host."https://m"]\n[host.'${OURS}']\ncapabilities = ["pull"]\n`;
    expect(withUs(byHand)).toBe(byHand);
  });

  it('follows the proxy to another port', () => {
    const old = withUs('[host."https://m.example"]\n');
    expect(withUs(old, 'http://127.0.0.1:7999')).toBe(old.replace('7620', '7999'));
  });

  it('does not move to another port where somebody put a host before us', () => {
    const old = `[host."https://m.example"]\n${withUs(undefined).split('\n\n')[1]}`;
    expect(withUs(old)).toBe(old);
    expect(() => withUs(old, 'http://127.0.0.1:7999')).toThrow(/no safe place/);
  });

  it('keeps line ends', () => {
    const next = withUs('server = "https://x"\r\n\r\n[host."https://m"]\r\n');
    expect(next.replaceAll('\r\n', '')).not.toContain('\n');
    expect(withUs(next)).toBe(next);
  });

  it('broken is refused with its line', () => {
    expect(() => withUs('server = "x"\n[host."m"\n')).toThrow(
      /^\/h\.toml:2:\d+: is not valid TOML \(.+\)\. Mend it first/,
    );
  });

  it('written twice is as written once, and means the same besides', () => {
    const name = fc.webUrl({ validSchemes: ['https'] }).filter((url) => !/["\\]/.test(url));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 4 }), fc.boolean(), (hosts, hasServer) => {
        const tables = hosts.map((host) => `[host."${host}"]\n  skip_verify = true\n`);
        const old = `${hasServer ? 'server = "https://x"\n' : '# none\n'}${tables.join('')}`;
        const next = withUs(old);
        expect(withUs(next)).toBe(next);
        const { host, server } = parse(next) as { host: object; server?: string };
        expect(Object.keys(host)).toEqual([OURS, ...hosts]);
        expect(server).toBe(hasServer ? 'https://x' : undefined);
        expect(next.replace(BLOCK, '').replaceAll('\n\n', '\n').trim()).toBe(old.trim());
      }),
    );
  });
});
