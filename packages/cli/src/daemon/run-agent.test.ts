import { describe, expect, it } from 'vitest';
import { fileIn, temporaryFolder } from '../cli.testkit.ts';
import { agentConfigFile } from '../config/agent-config.ts';
import { loadConfig } from '../config/config-file.ts';
import type { HostDefaults } from '../config/defaults.ts';
import type { Io } from '../output/io.ts';
import { agentOptions } from './run-agent.ts';

const HOST: HostDefaults = { platform: 'linux', env: {}, hostName: 'web-1' };

function proxyOf(yaml: string) {
  const cwd = temporaryFolder();
  const tracker = 'tracker: { url: "https://tracker.test:7600", token: secret }';
  const file = fileIn(cwd, 'agent.yaml', `${tracker}\n${yaml}`);
  const { config } = loadConfig(agentConfigFile(HOST), { host: HOST, cwd, file, flags: {} });
  return agentOptions(config, { host: HOST } as Io).proxy;
}

describe('the proxy of agent.yaml', () => {
  it('is off, and when it is on has no stand-in and lets others through', () => {
    expect(proxyOf('')).toBeUndefined();
    const plain = {
      trustRightsForMs: 0,
      staleTagsForMs: 0,
      host: '127.0.0.1',
      port: 7620,
      tunnelOthers: true,
      registries: [],
    };
    expect(proxyOf('proxy: true')).toEqual(plain);
  });

  it('has a stand-in where its port is given, for registries at their address', () => {
    const proxy = proxyOf(
      [
        'proxy: { enabled: true, tunnelOthers: false, tls: { port: 443 } }',
        'registries: [{ host: harbor.test, address: "10.0.0.5:443" }, { host: disk.test, layout: /srv/images }]',
      ].join('\n'),
    );
    expect(proxy).toMatchObject({ tunnelOthers: false, tls: { host: '127.0.0.1', port: 443 } });
    expect(proxy?.registries).toEqual([{ host: 'harbor.test', address: '10.0.0.5:443' }]);
  });

  it('refuses an address that is none, and one beside a folder', () => {
    const entry = '{ host: a.test, address: "https://10.0.0.5" }';
    expect(() => proxyOf(`registries: [${entry}]`)).toThrow(/registries\[0\]\.address/);
    const beside = '{ host: a.test, address: "10.0.0.5:443", layout: /srv }';
    expect(() => proxyOf(`registries: [${beside}]`)).toThrow(/address has no meaning beside layout or archive/);
  });
});
