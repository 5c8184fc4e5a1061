/** The keys of agent.yaml. */
import { defaultEngineAddress } from '@shoal/agent';
import type { z } from 'zod';
import { type CrossCheck, configFile } from './config-file.ts';
import { defaultDataDir, defaultDataDirText, type HostDefaults } from './defaults.ts';
import {
  choice,
  diskBudget,
  duration,
  flag,
  hostName,
  httpUrl,
  path,
  port,
  rate,
  section,
  text,
  textMap,
} from './leaf.ts';
import { logKey } from './log-keys.ts';
import { checkRegistries, registriesKey } from './registries.ts';

export function agentConfigFile(host: HostDefaults) {
  return configFile({
    daemon: 'agent',
    intro: 'Settings of `shoal agent`.',
    schema: agentSchema(host),
    switches: ['control', 'proxy'],
    checks: [checkToken, checkExit, checkCache, checkRegistries, checkProxy],
  });
}

export type AgentConfig = z.infer<ReturnType<typeof agentSchema>>;

function agentSchema(host: HostDefaults) {
  return section('settings of the agent', {
    name: text("the host's name as operators see it", {
      pattern: /^[^\p{Cc}]{1,253}$/u,
      sample: 'web-17',
      defaultText: "this host's name",
    }).default(host.hostName),
    dataDir: path('folder', 'blobs, the key of this agent and the token of its control API; one agent a folder', {
      sample: defaultDataDir('agent', host),
      defaultText: defaultDataDirText('agent'),
    }).default(defaultDataDir('agent', host)),
    tracker: section('the tracker this agent belongs to', trackerShape()).prefault({} as never),
    peer: section('where other agents fetch pieces from this one', {
      host: hostName('address this agent listens on for others').default('0.0.0.0'),
      port: port('port that other agents dial').default(7610),
      advertiseHost: hostName('where other agents find this host', {
        sample: 'web-17.example.com',
        defaultText: 'the address the tracker sees',
      }).optional(),
    }).prefault({}),
    control: controlSection(),
    proxy: proxySection(),
    labels: textMap('what a host is, such as zone: rack-7', { sample: { zone: 'rack-7' } }).default({}),
    limits: section('caps on the traffic with other agents', {
      upload: rate('most this host sends').prefault('unlimited'),
      download: rate('most this host receives').prefault('unlimited'),
    }).prefault({}),
    bandwidth: section('what the bandwidth policy needs to know of this host', {
      link: rate('speed of the link; the policy gives parts of it', {
        sample: '1 Gbit/s',
        defaultText: 'what the network card says',
      }).optional(),
      measure: text('network cards that business traffic takes, their names with commas between them', {
        sample: 'eth0, eth1',
        defaultText: 'the physical ones, or the one of the default route',
      }).optional(),
    }).prefault({}),
    exit: choice(
      ['engine', 'archive', 'cache'],
      'what becomes of an image: loaded into the Docker Engine, written as a docker load archive, or kept as blobs only',
    ).default('engine'),
    engine: section('the Docker Engine', {
      address: text('where the engine listens: unix:///path, npipe:////./pipe/name or tcp://host:port', {
        sample: defaultEngineAddress(host.platform),
        defaultText: "this host's own engine",
      }).optional(),
    }).prefault({}),
    archive: section('for exit: archive', {
      folder: path('folder', 'where archives are written', { sample: '/srv/shoal/archives' }).optional(),
    }).prefault({}),
    cache: section('the blobs this host keeps, for itself and for others', {
      budget: diskBudget(
        'most they may take of the volume of dataDir: a size, or a part of it; what was used least recently goes first, what is needed never',
      ).prefault('20 %'),
      keep: choice(
        ['always', 'untilLoaded'],
        'whether a blob stays within the budget, or goes once the engine has its image and nobody needs it',
      ).default('always'),
    }).prefault({}),
    registries: registriesKey(
      'those that the proxy stands for, with the credentials of who pulls; and for an agent with a seeder token: how it reads registries, others are read anonymously',
    ),
    log: logKey(),
  });
}

function trackerShape() {
  return {
    url: httpUrl("the tracker's address", { sample: 'https://shoal.example.com:7600' }),
    token: text('join token of the role agent or seeder; better in tokenFile or the environment', {
      secret: true,
      sample: 'shoal_agent_EXAMPLE',
    }).optional(),
    tokenFile: path('file', 'file with the join token, nothing else', {
      sample: '/etc/shoal/join.token',
      inSample: true,
    }).optional(),
    ca: path('file', "PEM of the authority of the tracker's certificate, when the system does not know it", {
      sample: '/etc/shoal/ca.pem',
    }).optional(),
  };
}

function proxySection() {
  return section('the registry proxy: engines on this host pull through it (proxy: true to have it)', {
    enabled: flag('whether there is a proxy').default(false),
    host: hostName('address of the proxy; keep it on loopback').default('127.0.0.1'),
    port: port('port of the proxy, also for engines with HTTPS_PROXY=http://127.0.0.1:7620').default(7620),
    default: text('which of registries an image without a host in its name comes from: localhost:7620/team/app:1', {
      sample: 'harbor.example.com',
      defaultText: 'the only one there is',
    }).optional(),
    tunnelOthers: flag(
      'whether an engine with HTTPS_PROXY reaches hosts that are none of registries, passed through untouched',
    ).default(true),
    trustRightsFor: duration(
      'while a registry is away: how long after it let a client read something that client is served it from here',
    ).prefault('0'),
    staleTagsFor: duration('while a registry is away: how long a tag is taken for what it was').prefault('0'),
    tls: section('where the proxy stands in for registries whose names lead to this host (hosts file or DNS)', {
      host: hostName('address of the stand-in; keep it on loopback').default('127.0.0.1'),
      port: port('port of the stand-in; a registry it stands for needs an address', {
        sample: 443,
        defaultText: 'there is no stand-in',
      }).optional(),
    }).prefault({}),
  }).prefault({});
}

function controlSection() {
  return section('the control API of this host: shoal status, shoal pull, stop (control: false for none)', {
    enabled: flag('whether there is a control API').default(true),
    host: hostName('address of the control API; keep it on loopback').default('127.0.0.1'),
    port: port('port of the control API').default(7621),
  }).prefault({});
}

const checkToken: CrossCheck = ({ value, add }) => {
  const given = ['token', 'tokenFile'].filter((name) => value(`tracker.${name}`) !== undefined);
  if (given.length === 2) add('tracker.tokenFile', 'cannot stand beside token; keep one of them');
  if (given.length === 0)
    add(
      'tracker.token',
      'is missing: set tracker.tokenFile, or SHOAL_TRACKER_TOKEN, to a join token; "shoal token create --role agent --name NAME" makes one on the tracker',
    );
};

const checkExit: CrossCheck = ({ value, add }) => {
  if (value('exit') === 'archive' && value('archive.folder') === undefined)
    add('archive.folder', 'is missing: exit is archive, so say where archives are written');
};

const checkCache: CrossCheck = ({ value, add }) => {
  if (value('cache.keep') === 'untilLoaded' && ['archive', 'cache'].includes(String(value('exit'))))
    add('cache.keep', `cannot be untilLoaded with exit: ${value('exit')}, as no engine has the image then; remove it`);
};

const checkProxy: CrossCheck = ({ value, add }) => {
  const name = value('proxy.default');
  const entries = value('registries');
  const isThere = (Array.isArray(entries) ? entries : []).some((entry) => sameHost(entry?.host, name));
  if (name !== undefined && !isThere) add('proxy.default', 'is none of registries; add an entry with this host there');
};

function sameHost(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase();
}
