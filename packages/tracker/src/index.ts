/** The tracker: swarm membership, rights, piece hashes and jobs. */
export { type BackupFacts, BEFORE_RESTORE_FILE, backupTracker, restoreTracker } from './backup.ts';
export type { Clock } from './clock.ts';
export { type ErrorCode, TrackerError } from './errors.ts';
export type { HarborOptions, HookOptions, PreheatOptions } from './harbor/options.ts';
export type { PushRule, RuleOrder } from './harbor/push-rules.ts';
export type { MarathonSite } from './marathon/site.ts';
export type { OpenSource } from './resolve/resolve-images.ts';
export type { OidcOptions } from './sign-in/options.ts';
export { createToken, listTokens, revokeToken } from './tokens.ts';
export { createTracker, type Tracker, type TrackerOptions } from './tracker.ts';
