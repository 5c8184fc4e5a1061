/** What the tracker is told of an OpenID Connect provider. */

export interface OidcOptions {
  /** As its discovery document says, such as https://login.example.com/realms/ops. */
  issuer: string;
  clientId: string;
  /** Read anew for every sign-in. Without it the tracker is a public client. */
  clientSecret?: () => string;
  /** PEM of an authority to trust for it. */
  ca?: string;
  scope: string;
  roles: RoleRules;
  /** How long a person stays signed in. */
  lastsMs: number;
}

/** Which role a person gets by what the provider says of their groups. */
export interface RoleRules {
  /** The claim with the groups; dots lead into objects: realm_access.roles. */
  claim: string;
  /** A group of these: admin. */
  admins: readonly string[];
  /** A group of these: reader. `*`: everybody who signs in. */
  readers: readonly string[];
}
