import { describe, expect, it } from 'vitest';
import { effectiveRules, limitsOf } from './effective.ts';
import { exampleText, policyOf, policyWith, utc } from './policy.testkit.ts';

const example = policyOf(exampleText());
const web17 = { name: 'web-17', labels: { env: 'prod' }, linkBytesPerSecond: 125e6 };
/** A Monday, 09:00 in Shanghai. */
const OFFICE = utc('2026-11-30 01:00');

describe('what holds for a host', () => {
  it('is every rule that matches, the least limit of them first', () => {
    const limits = limitsOf(example, web17, OFFICE);
    const office = 'production in office hours';
    expect(limits.host).toEqual({
      pull: {
        download: { bytesPerSecond: 50e6, rule: 'everyone' },
        upload: { bytesPerSecond: 50e6, rule: 'everyone' },
      },
      prewarm: { download: { bytesPerSecond: 25e6, rule: office }, upload: { bytesPerSecond: 12.5e6, rule: office } },
      seed: { download: { bytesPerSecond: 25e6, rule: office }, upload: { bytesPerSecond: 12.5e6, rule: office } },
    });
    const classes = ['pull', 'prewarm', 'seed'];
    expect(limits.shared).toEqual([
      { per: 'zone', key: 'ingress', bytesPerSecond: 125e6, rule: 'rack uplinks', classes },
      { per: 'origin', key: 'egress', bytesPerSecond: 250e6, rule: 'harbor', classes },
    ]);
    expect(limits.yield).toMatchObject({ keepFree: 0.3, reactWithinMs: 250, keepFreeRule: 'leave room for business' });
  });

  it('changes with the hour, the labels and the class', () => {
    const names = (host: Parameters<typeof effectiveRules>[1], at: string) =>
      effectiveRules(example, host, utc(at)).map(({ name }) => name);
    const always = ['everyone', 'leave room for business', 'rack uplinks', 'harbor'];
    expect(names(web17, '2026-11-30 14:00')).toEqual(always);
    expect(names({ name: 'web-17', labels: { env: 'test' } }, '2026-11-30 01:00')).toEqual(always);
    expect(names({ ...web17, class: 'pull' }, '2026-11-30 01:00')).toEqual(always);
    expect(names({ ...web17, class: 'seed' }, '2026-11-30 01:00')).toHaveLength(5);
    expect(limitsOf(example, web17, utc('2026-11-10 12:00')).host.prewarm.upload).toEqual({
      bytesPerSecond: 0,
      rule: 'freeze on the shopping festival',
    });
  });

  it('leaves out a part of a link that is not known, and says so', () => {
    const limits = limitsOf(example, { name: 'web-17' }, OFFICE);
    expect(limits.host.pull).toEqual({ download: undefined, upload: undefined });
    expect(limits.unknownLink).toEqual(['everyone']);
    expect(limitsOf(example, web17, OFFICE).unknownLink).toEqual([]);
    const frozen = policyWith(['limit: { per: host, upload: 0% }']);
    expect(limitsOf(frozen, { name: 'a' }, 0)).toMatchObject({
      unknownLink: [],
      host: { pull: { upload: { bytesPerSecond: 0 } } },
    });
  });

  it('gives way as the most careful of the rules says', () => {
    const policy = policyWith([
      'yield: { keep-free: 30%, react-within: 500 ms }',
      'yield: { keep-free: 20%, react-within: 200 ms }',
    ]);
    expect(limitsOf(policy, { name: 'a' }, 0).yield).toEqual({
      ...{ keepFree: 0.3, keepFreeRule: 'rule 1' },
      ...{ reactWithinMs: 200, reactWithinRule: 'rule 2' },
    });
    expect(limitsOf(policyWith(['limit: { per: host, upload: 0 }']), { name: 'a' }, 0).yield).toBeUndefined();
  });
});
