import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenge.ts';

describe('parseChallenges', () => {
  it("reads Harbor's Bearer challenge", () => {
    const header =
      'Bearer realm="https://harbor.test/service/token",service="harbor-registry",scope="repository:win/a:pull"';
    expect(parseChallenges(header)).toEqual([
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://harbor.test/service/token',
          service: 'harbor-registry',
          scope: 'repository:win/a:pull',
        },
      },
    ]);
  });

  it('keeps several challenges of one header apart', () => {
    const schemes = parseChallenges('Negotiate, Basic realm="a, b=\\"c\\"" , Bearer realm=x');
    expect(schemes).toEqual([
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'a, b="c"' } },
      { scheme: 'bearer', parameters: { realm: 'x' } },
    ]);
  });

  it('takes nothing from text that is no challenge, and does so quickly', () => {
    expect(parseChallenges('')).toEqual([]);
    expect(parseChallenges('"=,"')).toEqual([]);
    expect(parseChallenges(`Bearer realm="${'\\'.repeat(1_000_000)}`)).toHaveLength(1);
  });
});
