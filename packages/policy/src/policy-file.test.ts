import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exampleText, policyOf } from './policy.testkit.ts';
import { parsePolicy } from './policy-file.ts';

function faultsIn(text: string): string[] {
  const parsed = parsePolicy(text, 'b.yaml');
  return parsed.ok ? [] : parsed.faults.map(({ at, key, text: what }) => `${at}: ${key} ${what}`);
}

/** Faults of one rule whose lines these are; they start in line 5. */
function faultsInRule(...lines: string[]): string[] {
  return faultsIn(`version: 1\ntimezone: UTC\nrules:\n  - name: a\n${lines.map((line) => `    ${line}\n`).join('')}`);
}

describe('a bandwidth policy', () => {
  it('is read in canonical units: the example of the docs', () => {
    const { version, timezone, rules } = policyOf(exampleText());
    expect([version, timezone]).toEqual([1, 'Asia/Shanghai']);
    expect(rules[0]).toEqual({
      ...{ name: 'everyone', match: { labels: [] }, when: [] },
      limit: { per: 'host', download: { ofLink: 0.4 }, upload: { ofLink: 0.4 } },
    });
    expect(rules[1]).toEqual({
      name: 'production in office hours',
      match: { classes: ['prewarm', 'seed'], labels: [{ label: 'env', values: ['prod'] }] },
      when: [{ kind: 'weekly', days: [0, 1, 2, 3, 4], startMinute: 480, endMinute: 1320, text: 'mon-fri 08:00-22:00' }],
      limit: { per: 'host', download: { bytesPerSecond: 25e6 }, upload: { bytesPerSecond: 12.5e6 } },
    });
    expect(rules[2]?.yield).toEqual({ keepFree: 0.3, reactWithinMs: 250 });
    expect(rules[3]?.limit).toEqual({ per: 'zone', ingress: 125e6 });
    expect(rules[4]?.limit).toEqual({ per: 'origin', egress: 250e6 });
    expect(rules[5]).toMatchObject({
      match: { classes: ['prewarm'] },
      when: [{ kind: 'dated', startMs: Date.UTC(2026, 10, 10), endMs: Date.UTC(2026, 10, 12, 6) }],
      limit: { download: { bytesPerSecond: 0 }, upload: { bytesPerSecond: 0 } },
    });
  });

  it('has units in bits and bytes, decimal and binary', () => {
    const rates = ['8 Mbit/s', '1 MB/s', '1 MiB/s', '8 Mibit/s', '0', '0 B/s'].map(
      (rate) => policyOf(`version: 1\nrules: [{ name: a, limit: { per: fleet, upload: ${rate} } }]`).rules[0]?.limit,
    );
    expect(rates.map((limit) => limit?.per === 'fleet' && limit.upload)).toEqual([1e6, 1e6, 2 ** 20, 2 ** 20, 0, 0]);
  });

  it('is read with a byte order mark and Windows line ends', () => {
    expect(policyOf(`\uFEFF${exampleText().replaceAll('\n', '\r\n')}`)).toEqual(policyOf(exampleText()));
  });

  it('is refused with all its faults at once, each with its place and what to do', () => {
    const text = `version: 2
timezone: Asia/Shanghia
rule: 1
rules:
  - name: a
    limits: { per: host }
    match: { class: prewarn, host: [], rack: 7, clas: seed }
    when: mon-fri 22:00-22:00
    limit: { per: zone, ingress: 40%, download: 1 Gbit/s }
  - name: a
    yield: { keep-free: 130%, react-within: 5 ms }
  - limit: { per: hosts, upload: 5 Mb/s }
`;
    expect(faultsIn(text)).toEqual([
      'b.yaml:1:10: version is wrong: 2 is not a version this program knows; write version: 1',
      'b.yaml:2:11: timezone is wrong: "Asia/Shanghia" is not a time zone; did you mean Asia/Shanghai?',
      'b.yaml:3:1: rule is not a known key; did you mean rules?',
      'b.yaml:6:5: rules[0].limits is not a known key; did you mean limit?',
      'b.yaml:7:21: rules[0].match.class is wrong: "prewarn" is not a class; did you mean prewarm?',
      'b.yaml:7:36: rules[0].match.host is wrong: an empty list matches nothing; give an item, or remove the key',
      'b.yaml:7:46: rules[0].match.rack is wrong: 7 is not a text; put quotes around it',
      'b.yaml:7:49: rules[0].match.clas is not a known key; did you mean class?',
      'b.yaml:8:11: rules[0].when is wrong: "mon-fri 22:00-22:00" ends as it starts; for the whole day write 00:00-24:00 or leave the time out',
      'b.yaml:9:34: rules[0].limit.ingress is wrong: "40%" is a part of a link, and only per: host has one; write a rate',
      'b.yaml:9:39: rules[0].limit.download does not go with per: zone; download goes with per: host or per: fleet',
      'b.yaml:10:11: rules[1].name is wrong: "a" is already the name of rules[0]; give each rule its own',
      'b.yaml:11:25: rules[1].yield.keep-free is wrong: "130%" is more than the whole link; write at most 100%',
      'b.yaml:11:45: rules[1].yield.react-within is wrong: "5 ms" is out of range; write 100 ms to 60 s',
      'b.yaml:12:5: rules[2].name is missing: write it',
      'b.yaml:12:19: rules[2].limit.per is wrong: "hosts" is none of host, zone, fleet, origin; did you mean host?',
      'b.yaml:12:34: rules[2].limit.upload is wrong: "5 Mb/s" may be bits or bytes; write "Mbit/s" for bits or "MB/s" for bytes',
    ]);
  });

  it.each([
    ['nothing', '', ['b.yaml:1:1: version is missing: write it', 'b.yaml:1:1: rules is missing: write a list']],
    ['no list', 'version: 1\nrules: 3', ['b.yaml:2:8: rules is wrong: 3 is not a list of rules']],
    ['no rule', 'version: 1\nrules: []', ['b.yaml:2:8: rules is wrong: the list is empty']],
    ['an empty key', 'version: 1\nrules:', ['b.yaml:2:1: rules is empty; give a list']],
    ['a rule that is a text', 'version: 1\nrules: [fast]', ['b.yaml:2:9: rules[0] is wrong: "fast" is not a section']],
    ['a key twice', 'version: 1\nversion: 1\nrules: []', ['b.yaml:2:1:  is not YAML']],
    ['a list at the top', '- 1', ['b.yaml:1:1:  must hold keys and values']],
  ])('is refused: %s', (_, text, faults) => {
    const found = faultsIn(text);
    expect(found).toHaveLength(faults.length);
    faults.forEach((fault, index) => void expect(found[index]).toContain(fault));
  });

  it.each([
    [['match: { env: prod }'], '4:5: rules[0] says nothing: give it a limit or a yield'],
    [['limit: { per: host }'], '5:5: rules[0].limit limits nothing: give download or upload, or both'],
    [['limit: { download: 1 MB/s }'], 'limit.per is missing: write per: host, per: zone, per: fleet, per: origin'],
    [['limit: { per: host, ingress: 1 MB/s }'], 'ingress does not go with per: host; ingress goes with per: zone'],
    [['limit: { per: zone, egres: 1 MB/s }'], 'egres is not a known key; did you mean egress?'],
    [['limit: { per: origin }'], 'limit.egress is missing'],
    [['limit: { per: fleet, upload: 50% }'], 'only per: host has one'],
    [['limit: { per: host, upload: 101% }'], 'more than the whole link'],
    [['limit: { per: host, upload: 5 }'], 'is not a rate; write a unit'],
    [['limit: { per: host, upload: -5 MB/s }'], '5:33: rules[0].limit.upload is wrong: "-5 MB/s" is not a rate'],
    [['limit: { per: host, upload: 5 Mbps }'], 'may be bits or bytes'],
    [['limit: { per: host, upload: unlimited }'], 'limits nothing; remove the key'],
    [['limit: { per: host, upload: 10 B/s }'], 'below 1 KiB/s'],
    [['limit: { per: host, upload: }'], 'limit.upload is empty; give a value'],
    [['limit: 5 MB/s'], 'is not a section of keys'],
    [['yield: { keep-free: 30% }', 'match: { class: seed }'], '6:14: rules[0].match.class does not go with yield'],
    [['yield: { keep-free: 100% }'], 'to freeze, write a limit of 0'],
    [['yield: { keep-free: 0% }'], 'keeps nothing free'],
    [['yield: { react-within: 1 s }'], 'keep-free is missing'],
    [['yield: { keep-free: 30%, react-within: 61 s }'], 'out of range'],
    [['yield: { keep-free: 30%, react: 1 s }'], 'yield.react is not a known key; known here: keep-free, react-within'],
    [['yield: { keep-free: 3% }', 'match: {}'], '6:5: rules[0].match is empty'],
    [['yield: { keep-free: 3% }', 'match: { hosts: a }'], 'did you mean host?'],
    [['yield: { keep-free: 3% }', 'match: { "a b": c }'], 'is not a label'],
    [
      ['yield: { keep-free: 3% }', 'match: { a: [b, b] }'],
      '6:21: rules[0].match.a[1] is wrong: "b" is in the list twice',
    ],
    [['yield: { keep-free: 3% }', 'match: { address: 10.0.0.300 }'], 'is not an address range'],
    [['yield: { keep-free: 3% }', 'match: { address: 10.0.0.1/8 }'], 'has bits behind /8'],
    [
      ['yield: { keep-free: 3% }', 'match: { address: [10.0.0.0/8, 10.1.0.0/16] }'],
      'match.address[1] is wrong: 10.1.0.0/16 and 10.0.0.0/8 overlap',
    ],
    [['yield: { keep-free: 3% }', 'when: 2026-11-12 00:00 to 2026-11-10 00:00'], 'ends before it starts'],
    [['yield: { keep-free: 3% }', 'when: 2026-02-30 00:00 to 2026-11-10 00:00'], 'there is no "2026-02-30 00:00"'],
    [['yield: { keep-free: 3% }', 'when: 2026-11-10'], 'write dates with times'],
    [['yield: { keep-free: 3% }', 'when: 08:00'], 'has no such times'],
    [['yield: { keep-free: 3% }', 'when: mon-fri 08:00-25:00'], 'has no such times'],
    [['yield: { keep-free: 3% }', 'when: mon-fry 08:00-12:00'], 'is no day'],
    [['yield: { keep-free: 3% }', 'when: mon-fri,wed 08:00-12:00'], 'wed is named twice'],
    [
      ['yield: { keep-free: 3% }', 'when: [mon 08:00-12:00, sun 22:00-08:30]'],
      'when[1] is wrong: "sun 22:00-08:30" and "mon 08:00-12:00" overlap',
    ],
    [['yield: { keep-free: 3% }', 'when: []'], 'an empty list'],
  ])('nonsense is refused: %j', (lines, says) => {
    const faults = faultsInRule(...lines);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(says);
  });

  it('with a window needs a time zone', () => {
    const text =
      'version: 1\nrules:\n  - name: a\n    when: daily 08:00-12:00\n    limit: { per: host, upload: 1 MB/s }\n';
    expect(faultsIn(text)).toEqual([expect.stringMatching(/^b\.yaml:4:5: rules\[0\]\.when needs a clock/)]);
  });

  it('is never a reason to crash, whatever values stand where', () => {
    const keys = [
      'name',
      'match',
      'when',
      'limit',
      'yield',
      'per',
      'class',
      'upload',
      'keep-free',
      'address',
      '__proto__',
    ];
    const leaf = fc.oneof(
      fc.constantFrom('a', '40%', 'host', '1 MB/s', 'mon', '::', 0, 1, null, true, ''),
      fc.string(),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ weight: 3, arbitrary: leaf }, tie('list'), tie('section')),
      list: fc.array(tie('value'), { maxLength: 3 }),
      section: fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 4 }),
    }));
    fc.assert(
      fc.property(fc.record({ version: value, timezone: value, rules: fc.oneof(value, fc.array(value)) }), (policy) => {
        const parsed = parsePolicy(JSON.stringify(policy), 'b.yaml');
        for (const { at, text } of parsed.ok ? [] : parsed.faults) {
          expect(at).toMatch(/^b\.yaml:\d+:\d+$/);
          expect(text).toMatch(/[a-z]/);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is never a reason to crash, whatever YAML it is', () => {
    const bomb = `a: &a [1]\n${Array.from({ length: 9 }, (_, i) => `b${i}: &b${i} [${Array(9).fill(i === 0 ? '*a' : `*b${i - 1}`)}]`).join('\n')}`;
    for (const text of [
      bomb,
      '? [a]\n: b',
      'rules: [[[[]]]]',
      '__proto__: { a: 1 }',
      '[',
      '%',
      '&a *a',
      'x'.repeat(2 ** 21),
    ])
      expect(faultsIn(text)).not.toEqual([]);
    expect(faultsInRule('match: { __proto__: a }', 'yield: { keep-free: 3% }')[0]).toContain('is not a label');
  });
});
