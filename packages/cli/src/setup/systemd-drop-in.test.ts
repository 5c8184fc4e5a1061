import { describe, expect, it } from 'vitest';
import { checkEngineEnvironment, dropInText } from './systemd-drop-in.ts';

const settings = { proxyUrl: 'http://127.0.0.1:7620', proxied: ['harbor.example.com'] };
const check = (text: string) => () => checkEngineEnvironment(text, settings, '/x.conf');

describe("systemd's drop-in", () => {
  it('gives the engine its proxy', () => {
    expect(dropInText('http://127.0.0.1:7620').split('\n').slice(1)).toEqual([
      '[Service]',
      'Environment="HTTPS_PROXY=http://127.0.0.1:7620"',
      '',
    ]);
  });

  it('lets nothing out of its quotes', () => {
    expect(dropInText('http://[fe80::1%eth0"\\]:1')).toContain('="HTTPS_PROXY=http://[fe80::1%%eth0\\"\\\\]:1"\n');
  });
});

describe('another drop-in or environment file', () => {
  it.each([
    '[Service]\nEnvironment="HTTPS_PROXY=http://corp:3128"\n',
    '[Service]\nEnvironment="A=1" "https_proxy=http://corp:3128" "B=2"\n',
    "HTTPS_PROXY='http://corp:3128'\n",
    'export HTTPS_PROXY=http://corp:3128\n',
  ])('with another proxy is in the way: %j', (text) => {
    expect(check(text)).toThrow(/^\/x\.conf: https_proxy is http:\/\/corp:3128 already/i);
  });

  it('that keeps a registry from the proxy is in the way', () => {
    expect(check('[Service]\nEnvironment="NO_PROXY=localhost,example.com"\n')).toThrow(/take it out of NO_PROXY/);
  });

  it.each([
    '',
    '#HTTPS_PROXY=http://corp:3128\n',
    '  ; Environment="HTTPS_PROXY=http://corp:3128"\n',
    'HTTPS_PROXY=\nHTTP_PROXY=http://corp:3128\nNO_PROXY=10.0.0.0/8\n',
    'HTTPS_PROXY=http://127.0.0.1:7620/\n',
  ])('else is not: %j', (text) => expect(check(text)).not.toThrow());
});
