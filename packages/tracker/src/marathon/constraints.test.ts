import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Place, parseConstraints, placeFilter } from './constraints.ts';

const PLACE: Place = {
  hostname: 'win-17.example.com',
  region: 'eu',
  zone: 'eu-1a',
  attributes: { rack: 'r1', build: 20348, cores: 4.5, disks: '[7-9, 1-3]', kinds: '{ssd, gpu}', empty: '' },
};

const allows = (...constraints: unknown[]) => placeFilter(parseConstraints(constraints))(PLACE);

describe('a constraint', () => {
  it.each([
    [['hostname', 'CLUSTER', 'win-17.example.com'], true],
    [['@hostname', 'CLUSTER', 'win-17'], false],
    [['hostname', 'LIKE', 'win-.*'], true],
    [['hostname', 'LIKE', 'win'], false],
    [['hostname', 'UNLIKE', 'win-1[0-9]\\..*'], false],
    [['@region', 'IS', 'eu'], true],
    [['@zone', 'LIKE', 'eu-2.*'], false],
    [['rack', 'CLUSTER', 'r1'], true],
    [['rack', 'IS', 'r2'], false],
    [['rack', 'like', 'r[12]'], true],
    [['build', 'IS', '20348'], true],
    [['build', 'IS', 20348.0001], true],
    [['build', 'IS', ''], false],
    [['cores', 'IS', '4'], false],
    [['disks', 'CLUSTER', '[1-3,7-9]'], true],
    [['kinds', 'LIKE', '\\{.*gpu.*\\}'], true],
    [['empty', 'UNLIKE', '.+'], true],
    [{ fieldName: 'rack', operator: 'IS', value: 'r1' }, true],
    [{ fieldName: 'rack', operator: 'UNIQUE' }, true],
  ])('%j allows a host or not: %j', (constraint, expected) => {
    expect(allows(constraint)).toBe(expected);
  });

  it.each(['CLUSTER', 'IS', 'LIKE'])('%s on an attribute that a host has not excludes it', (operator) => {
    expect(allows(['gpu', operator, 'x'])).toBe(false);
    expect(allows(['constructor', operator, '.*'])).toBe(false);
  });

  it('UNLIKE on an attribute that a host has not allows it', () => {
    expect(allows(['gpu', 'UNLIKE', '.*'])).toBe(true);
  });

  it.each([['UNIQUE'], ['GROUP_BY'], ['GROUP_BY', '3'], ['MAX_PER', '2'], ['CLUSTER'], ['CLUSTER', '']])(
    '%s %s spreads tasks and excludes no host',
    (...rest) => {
      expect(allows(['gpu', ...rest])).toBe(true);
    },
  );

  it('holds for a scalar in either way Marathon may write it: a host is kept when in doubt', () => {
    for (const pattern of ['20348', '20,348']) {
      expect(allows(['build', 'LIKE', pattern])).toBe(true);
      expect(allows(['build', 'CLUSTER', pattern])).toBe(true);
      expect(allows(['build', 'UNLIKE', pattern])).toBe(true);
    }
    expect(allows(['build', 'UNLIKE', '20,?348'])).toBe(false);
  });

  it.each([
    [['rack'], /is not like/],
    [['rack', 'NEAR', 'r1'], /NEAR.*none of UNIQUE/],
    ['rack', /is not like/],
    [['rack', 'LIKE', 'r1', 'r2'], /is not like/],
    [['rack', 'LIKE', '('], /cannot be evaluated/],
  ])('%j is refused by its name', (constraint, why) => {
    expect(() => allows(constraint)).toThrow(expect.objectContaining({ code: 'BAD_CONSTRAINT' }));
    expect(() => allows(constraint)).toThrow(why);
  });

  it('is one of a hundred at most; the same one a thousand times is one', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ['rack', 'LIKE', `r${index}`]);
    expect(() => allows(...many)).toThrow('there are 10000 constraints, at most 100 are read');
    expect(allows(...Array.from({ length: 10_000 }, () => ['rack', 'LIKE', 'r1']))).toBe(true);
  });
});

describe('constraints together', () => {
  const field = fc.constantFrom('hostname', '@zone', 'rack', 'gpu');
  const value = fc.constantFrom('a', 'b', '[ab]', 'ab?', '');
  const constraint = fc.tuple(field, fc.constantFrom('CLUSTER', 'IS', 'LIKE', 'UNLIKE', 'GROUP_BY'), value);
  const text = fc.constantFrom('a', 'b', 'ab');
  const place: fc.Arbitrary<Place> = fc.record({
    hostname: text,
    zone: fc.option(text, { nil: undefined }),
    attributes: fc.dictionary(fc.constantFrom('rack', 'gpu'), text),
  });

  it('allow what each of them allows', () => {
    fc.assert(
      fc.property(fc.array(constraint, { maxLength: 4 }), place, (all, where) => {
        const each = all.every((one) => placeFilter(parseConstraints([one]))(where));
        expect(placeFilter(parseConstraints(all))(where)).toBe(each);
      }),
    );
  });

  it('UNLIKE allows where LIKE does not, and only there', () => {
    fc.assert(
      fc.property(field, fc.constantFrom('a', '[ab]', 'ab?'), place, (name, pattern, where) => {
        const like = placeFilter(parseConstraints([[name, 'LIKE', pattern]]))(where);
        expect(placeFilter(parseConstraints([[name, 'UNLIKE', pattern]]))(where)).toBe(!like);
      }),
    );
  });
});
