import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DaemonSettings, daemonJsonWith, hasProxiesKey, isExcepted } from './daemon-json.ts';

const URL_7620 = 'http://127.0.0.1:7620';
const HARBOR = 'harbor.example.com';
const all: DaemonSettings = { proxyUrl: URL_7620, mirror: true, proxied: [HARBOR] };
const withAll = (old: string | undefined, changes: Partial<DaemonSettings> = {}) =>
  daemonJsonWith(old, { ...all, ...changes }, '/d.json');

describe('daemon.json', () => {
  it.each([undefined, '', ' \n', '{}', '{}\n'])('made from %j has the mirror and the proxy', (old) => {
    expect(JSON.parse(withAll(old))).toEqual({ 'registry-mirrors': [URL_7620], proxies: { 'https-proxy': URL_7620 } });
  });

  it('keeps keys, their order, indentation and line ends', () => {
    const old = '{\r\n\t"z": [1,  2],\r\n\t"a": {"b":1},\r\n\t"c": true\r\n}\r\n';
    const next = withAll(old, { mirror: false });
    expect(next).toBe(
      '{\r\n\t"z": [1,  2],\r\n\t"a": {"b":1},\r\n\t"c": true,\r\n\t"proxies": {\r\n\t\t"https-proxy": "http://127.0.0.1:7620"\r\n\t}\r\n}\r\n',
    );
  });

  it.each([' ', '    ', '\t'])('is indented as before, by %j', (indent) => {
    const next = JSON.parse(withAll('{"a":1}'));
    expect(withAll(JSON.stringify({ a: 1 }, undefined, indent))).toBe(JSON.stringify(next, undefined, indent));
  });

  it('asks our mirror first and keeps the others', () => {
    const next = JSON.parse(withAll('{"registry-mirrors":["https://m.example"]}'));
    expect(next['registry-mirrors']).toEqual([URL_7620, 'https://m.example']);
  });

  it('keeps no-proxy and http-proxy', () => {
    const old = '{"proxies":{"no-proxy":"10.0.0.0/8,other.example","http-proxy":"http://p:1"}}';
    expect(JSON.parse(withAll(old)).proxies).toEqual({
      ...{ 'no-proxy': '10.0.0.0/8,other.example', 'http-proxy': 'http://p:1' },
      'https-proxy': URL_7620,
    });
  });

  it('leaves the engine without a key it may not know', () => {
    expect(JSON.parse(withAll('{"a":1}', { proxied: [] }))).toEqual({ a: 1, 'registry-mirrors': [URL_7620] });
    expect(withAll('{"a":1}', { proxied: [], mirror: false })).toBe('{"a":1}');
    expect(withAll(undefined, { proxied: [], mirror: false })).toBe('');
  });

  it('with a slash behind our address is done already', () => {
    const old = `{"registry-mirrors":["${URL_7620}/"],"proxies":{"https-proxy":"${URL_7620}/"}}`;
    expect(withAll(old)).toBe(old);
  });

  it('written twice is as written once, whatever else is in it', () => {
    const others = fc.dictionary(fc.string(), fc.jsonValue()).filter((json) => !('proxies' in json));
    const indents = fc.constantFrom(undefined, 1, 2, 4, '\t');
    fc.assert(
      fc.property(others, indents, ({ 'registry-mirrors': _, __proto__, ...json }, indent) => {
        const next = withAll(JSON.stringify(json, undefined, indent));
        expect(withAll(next)).toBe(next);
        const { 'registry-mirrors': mirrors, proxies, ...kept } = JSON.parse(next);
        expect(kept).toEqual(JSON.parse(JSON.stringify(json)));
        expect([mirrors, proxies]).toEqual([[URL_7620], { 'https-proxy': URL_7620 }]);
      }),
    );
  });
});

describe('daemon.json is refused', () => {
  it.each([
    ['{\n  "a": 1,\n}', '/d.json:3:1: is not valid JSON'],
    ['{\n  "a": nope }', '/d.json:2:8: is not valid JSON'],
    ['{ // why\n}', '/d.json:1:3: is not valid JSON'],
    ['{} x', '/d.json:1:4: is not valid JSON'],
    ['\ufeff{}', '/d.json:1:1: is not valid JSON'],
    ['[]', '/d.json:1:1: is not an object'],
  ])('when it is %j: %s', (old, says) => {
    expect(() => withAll(old)).toThrow(says);
    expect(() => withAll(old)).toThrow(/nothing was changed/);
  });

  it.each([
    ['{"proxies":{"https-proxy":"http://corp:3128"}}', 'https-proxy is "http://corp:3128" already'],
    ['{"proxies":{"no-proxy":".example.com"}}', `no-proxy keeps ${HARBOR} from every proxy`],
    [`{"proxies":{"https-proxy":"${URL_7620}","no-proxy":"*"}}`, `no-proxy keeps ${HARBOR} from every proxy`],
    ['{"proxies":[]}', 'proxies is not an object'],
    ['{"registry-mirrors":"https://m.example"}', 'registry-mirrors is not a list'],
    ['{"registry-mirrors":[],"registry-mirrors":["x"]}', 'registry-mirrors stands there twice'],
  ])('when it says %s', (old, says) => {
    expect(() => withAll(old)).toThrow(says);
  });
});

it('an engine whose daemon.json has proxies knows that key', () => {
  expect([undefined, '', '{}', '{"proxies":{}}'].map((old) => hasProxiesKey(old, 'x'))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

it.each([
  ['harbor.example.com', true],
  ['HARBOR.example.com', true],
  ['example.com', true],
  ['.example.com', true],
  ['*.example.com', true],
  ['a, *', true],
  ['harbor.example.com:8443', true],
  ['harbor.example.com:1', false],
  ['ample.com', false],
  ['bor.example.com', false],
  ['10.0.0.0/8,,', false],
  ['', false],
])('no-proxy %j keeps harbor.example.com:8443 from the proxy: %s', (noProxy, expected) => {
  expect(isExcepted('harbor.example.com:8443', noProxy)).toBe(expected);
});
