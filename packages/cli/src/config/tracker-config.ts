/** The keys of tracker.yaml. */
import type { z } from 'zod';
import { type CrossCheck, configFile } from './config-file.ts';
import { defaultDataDir, defaultDataDirText, type HostDefaults } from './defaults.ts';
import { checkHarbor, harborKey, hooksKey, onPushKey } from './harbor-keys.ts';
import { diskBudget, duration, flag, hostName, httpUrl, path, port, rate, section, text } from './leaf.ts';
import { logKey } from './log-keys.ts';
import { checkMarathon, marathonKey } from './marathon.ts';
import { checkOidc, oidcKey } from './oidc.ts';
import { checkRegistries, registriesKey } from './registries.ts';

export function trackerConfigFile(host: HostDefaults) {
  return configFile({
    daemon: 'tracker',
    intro: 'Settings of `shoal tracker`.',
    schema: trackerSchema(host),
    lists: ['on-push'],
    checks: [checkDoors, checkRegistries, checkHarbor, checkMarathon, checkOidc],
  });
}

export type TrackerConfig = z.infer<ReturnType<typeof trackerSchema>>;

function trackerSchema(host: HostDefaults) {
  return section('settings of the tracker', {
    dataDir: path('folder', "the tracker's database: tokens, jobs, piece hashes", {
      sample: defaultDataDir('tracker', host),
      defaultText: defaultDataDirText('tracker'),
    }).default(defaultDataDir('tracker', host)),
    listen: section('where agents and people reach the tracker', {
      host: hostName('address the tracker listens on').default('0.0.0.0'),
      port: port('port of the API, the sessions and the health check').default(7600),
    }).prefault({}),
    tls: section('the certificate; either this or insecure', {
      cert: path('file', "PEM of the tracker's certificate, with those between it and its authority", {
        sample: '/etc/shoal/tracker.crt',
      }),
      key: path('file', 'PEM of its private key', { sample: '/etc/shoal/tracker.key' }),
      ca: path('file', "PEM of its authority, for the embedded seeder's own session", {
        sample: '/etc/shoal/ca.pem',
      }).optional(),
    }).optional(),
    insecure: flag('plain HTTP: tokens and image names travel in the clear; for tests and closed networks').default(
      false,
    ),
    foreignPeers: flag(
      'torrents for BitTorrent clients that are no agents (aria2, transmission, webtorrent): "shoal torrent" makes them',
    ).default(false),
    publicUrl: httpUrl("the tracker's address in torrents, answers and sign-ins", {
      sample: 'https://shoal.example.com:7600',
      defaultText: 'the one it was asked under',
    }).optional(),
    zoneLabel: text(
      "the label of agents that names a host's zone (hosts behind one uplink): each piece enters a zone about once",
    ).default('zone'),
    registries: registriesKey('registries with an account, a CA or a place of their own; others are read anonymously'),
    harbor: harborKey(),
    hooks: hooksKey(),
    'on-push': onPushKey(),
    marathon: marathonKey(),
    oidc: oidcKey(),
    seeder: section('the embedded seeder of `shoal tracker --seeder`', {
      dataDir: path('folder', "the seeder's blobs and key", {
        sample: '/srv/shoal/seeder',
        defaultText: 'the folder seeder in dataDir',
      }).optional(),
      peer: section('where agents fetch pieces from it', {
        host: hostName('address the seeder listens on').default('0.0.0.0'),
        port: port('port of the seeder that agents dial').default(7610),
        advertiseHost: hostName('where agents find the seeder', {
          sample: 'shoal.example.com',
          defaultText: 'the address it listens on, else the one this host reaches others from',
        }).optional(),
      }).prefault({}),
      limits: section('caps on its traffic', {
        upload: rate('most the seeder sends to agents').prefault('unlimited'),
        download: rate('most the seeder reads from registries and agents').prefault('unlimited'),
      }).prefault({}),
      cache: section('the blobs it keeps, so that the registry is not read again', {
        budget: diskBudget(
          'most they may take of the volume of its dataDir: a size, or a part of it; what was used least recently goes first',
        ).prefault('20 %'),
      }).prefault({}),
    }).prefault({}),
    keepHistory: duration('how long ended jobs, and piece hashes that no host wants, stay in the database', {
      least: '1 d',
    }).prefault('90 d'),
    log: logKey(),
  });
}

const checkDoors: CrossCheck = ({ value, add }) => {
  const hasTls = value('tls') !== undefined;
  const insecure = value('insecure') === true;
  if (hasTls && insecure) add('insecure', 'cannot stand beside tls: keep tls, or remove it for plain HTTP');
  if (!hasTls && !insecure)
    add('tls', 'is missing: give tls.cert and tls.key, or say insecure: true (--insecure) for plain HTTP');
};
