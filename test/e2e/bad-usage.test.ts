/**
 * Commands nobody could carry out and settings nobody could start with: exit code 2, and everything that is wrong at once.
 * Nothing runs, nobody is asked.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../support/cleanup.ts';
import { refused, refusedStart } from '../support/operator.ts';
import { shoalCommand } from '../support/shoal.ts';

const AGENT_YAML = `name: web-1
bogus: 1
tracker:
  url: ftp://tracker.example.com
  tokn: hush-hush
peer:
  port: 70000
limits:
  upload: 60 MB
  download: -5 MB/s
engine: {adress: unix:///var/run/docker.sock}
`;
/** Line and column, what is wrong, what to do. */
const AGENT_FAULTS = [
  /:2:1: bogus is not a known key; known here: name, dataDir, tracker, /,
  /:4:8: tracker\.url is wrong: "ftp:\/\/tracker\.example\.com" is not an address such as https:/,
  /:5:3: tracker\.tokn is not a known key; did you mean token\?/,
  /:7:9: peer\.port is wrong: 70000 is not a port/,
  /:9:11: limits\.upload is wrong: .*60 MB.*/,
  /:10:13: limits\.download is wrong: .*-5 MB\/s.*/,
  /:11:10: engine\.adress is not a known key; did you mean address\?/,
  /: tracker\.token is missing: set tracker\.tokenFile, or SHOAL_TRACKER_TOKEN/,
];

const TRACKER_YAML = `listen:
  prot: 7600
insecure: "yes"
registries:
  - host: harbor.example.com
    pasword: hush-hush
seeder:
  limits: {upload: 5 furlongs}
`;
const TRACKER_FAULTS = [
  /tls is missing: give tls\.cert and tls\.key, or say insecure: true/,
  /:2:3: listen\.prot is not a known key; did you mean port\?/,
  /:3:11: insecure is wrong: "yes" is not true or false/,
  /:6:5: registries\[0\]\.pasword is not a known key; known here: .*passwordFile/,
  /:8:20: seeder\.limits\.upload is wrong: .*furlongs/,
];

/** Wrong usage: nothing is asked of anybody. */
const WRONG_USAGE: [args: string[], says: RegExp][] = [
  [['frobnicate'], /unknown command 'frobnicate'.* "shoal --help" shows how it is used\./],
  [['prewarm', '--frob', 'a:1'], /unknown option '--frob'.* "shoal prewarm --help" shows/],
  [['prewarm'], /give images, or --marathon-app FILE/],
  [['job', '0123', 'explode'], /explode.*(cancel).* "shoal job --help" shows/],
  [['hosts', 'extra'], /too many arguments.* "shoal hosts --help" shows/],
  [
    ['prewarm', 'a:1', '--hosts', 'web-1,'],
    /--hosts <selector>.* has an empty term; write web-\*,env=prod.* "shoal prewarm --help" shows/,
  ],
  [['prewarm', 'a:1', '--tracker', 'tracker:7600'], /"tracker:7600" is not the address of a tracker; write https:/],
  [['prewarm', 'Team/Image:1'], /Team\/Image:1.*Write it as docker pull takes it: HOST\/NAME:TAG/],
  [['prewarm', ''], /Write it as docker pull takes it/],
  [['prewarm', 'good:1', 'two words'], /two words.*Write it as docker pull takes it/],
  [['prewarm', 'a@sha256:123'], /sha256:123.*Write it as docker pull takes it/],
  [['prewarm', `a:${'t'.repeat(129)}`], /tag.*Write it as docker pull takes it/],
  [['prewarm', '\u001b[31mred:1'], /red:1.*Write it as docker pull takes it/],
];

const command = (...args: string[]) =>
  shoalCommand(args, { SHOAL_TRACKER: 'https://127.0.0.1:1', SHOAL_TOKEN: 'none' });

describe.concurrent('a command', () => {
  for (const [args, says] of WRONG_USAGE)
    it(`of shoal ${JSON.stringify(args).slice(0, 40)} is told how it is used`, async () => {
      const error = await refused(command, args, 2);
      expect(error).toMatchObject({ code: 'WRONG_USAGE', source: 'shoal', retryable: false });
      expect(error.text).toMatch(says);
      // `refused` holds stderr to be this text.
      expect(error.text).not.toContain('\u001b');
    });
});

describe('settings', () => {
  const configs = { agent: [AGENT_YAML, AGENT_FAULTS], tracker: [TRACKER_YAML, TRACKER_FAULTS] } as const;
  for (const [daemon, [yaml, faults]] of Object.entries(configs))
    it(`${daemon} with wrong settings does not start and names every fault with its line and column`, async () => {
      const file = join(await tempDir('settings'), `${daemon}.yaml`);
      writeFileSync(file, yaml);
      const { code, stdout, stderr } = await refusedStart(daemon, file);
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
      const [head, ...lines] = stderr.trimEnd().split('\n');
      expect(lines.every((line) => line.includes(`${daemon}.yaml:`))).toBe(true);
      for (const fault of faults) expect(stderr).toMatch(fault);
      expect(head).toBe(`shoal: not started, ${faults.length} faults in the settings:`);
      expect(stderr).not.toContain('hush-hush');
    });
});
