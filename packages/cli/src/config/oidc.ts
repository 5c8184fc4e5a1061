/** The `oidc` key of tracker.yaml: where people sign in, and as what. */
import type { OidcOptions } from '@shoal/tracker';
import type { z } from 'zod';
import type { CrossCheck } from './config-file.ts';
import { duration, httpUrl, path, section, text, texts } from './leaf.ts';
import { readSecretFile, readTextFile } from './sources.ts';

export function oidcKey() {
  return section("people's sign-in at an OpenID Connect provider; needs publicUrl", {
    issuer: httpUrl('the provider, as its discovery document names it', {
      sample: 'https://login.example.com/realms/ops',
      inSample: false,
    }),
    clientId: text('what the tracker is called there; its redirect URI is <publicUrl>/v1/sign-in/oidc/callback', {
      sample: 'shoal',
      inSample: false,
    }),
    clientSecretFile: path('file', 'file with its secret, read anew for every sign-in; without it a public client', {
      sample: '/etc/shoal/oidc.secret',
    }).optional(),
    caFile: path('file', 'PEM of an authority to trust for the provider', { sample: '/etc/shoal/ca.pem' }).optional(),
    scope: text('what is asked for, with spaces between; some providers give groups for one more').default(
      'openid profile email',
    ),
    roleClaim: text(
      "the claim with a person's groups: groups, roles (Entra ID's app roles), realm_access.roles (Keycloak's)",
    ).default('groups'),
    admins: texts('groups whose people order, pause and cancel', { sample: 'shoal-admins' }).default([]),
    readers: texts("groups whose people look; '*' for everybody who can sign in there", {
      sample: 'shoal-readers',
    }).default([]),
    lasts: duration('how long somebody stays signed in', { least: '1 min' }).prefault('12 h'),
  }).optional();
}

type OidcConfig = NonNullable<z.infer<ReturnType<typeof oidcKey>>>;

export const checkOidc: CrossCheck = ({ value, add }) => {
  if (value('oidc') === undefined) return;
  if (value('publicUrl') === undefined)
    add('publicUrl', 'is missing: browsers come back from the provider of oidc to this address');
  const isEmpty = (key: string) => [value(key)].flat().filter(Boolean).length === 0;
  if (isEmpty('oidc.admins') && isEmpty('oidc.readers'))
    add('oidc.admins', "and readers are empty, so nobody could sign in: name a group, or give readers '*'");
};

/** Throws CliError UNREADABLE_FILE. */
export function oidcOptions(config: OidcConfig | undefined): OidcOptions | undefined {
  if (config === undefined) return undefined;
  const { issuer, clientId, clientSecretFile, caFile, scope, roleClaim, admins, readers, lasts } = config;
  return {
    ...{ issuer, clientId, scope, lastsMs: lasts, roles: { claim: roleClaim, admins, readers } },
    ...(clientSecretFile !== undefined && { clientSecret: () => readSecretFile(clientSecretFile) }),
    ...(caFile !== undefined && { ca: readTextFile(caFile) }),
  };
}
