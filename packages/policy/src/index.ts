export { parseRange } from './address.ts';
export { type BucketOptions, type BucketRule, bucketRulesOf, type Remote } from './bucket-rules.ts';
export { BURST_MS, createLimiter, type Limiter, type Traffic } from './buckets.ts';
export {
  effectiveRules,
  type HostLimits,
  type HostRate,
  hostRates,
  limitsOf,
  type SetRate,
  type SharedCap,
  sharedCaps,
} from './effective.ts';
export { globMatches } from './glob.ts';
export { createGovernor, type Governor, type GovernorOptions, type GovernorSample } from './governor.ts';
export { formatClock, formatWallTime, isTimezone, momentOf, parseWallTime, wallTimeAt } from './local-time.ts';
export { matchesHost, type PolicyHost } from './match.ts';
export type { Cap, Direction, Limit, Match, Policy, Rule, TrafficClass, Yield } from './policy.ts';
export { CLASSES, DIRECTIONS } from './policy.ts';
export { type ParsedPolicy, parsePolicy } from './policy-file.ts';
export { policyJsonSchema } from './policy-schema.ts';
export { formatRate, parseRate, RateError } from './rate.ts';
export { nextChange, rulesAt } from './schedule.ts';
export { createShareHolder, type ShareHolder } from './share-holder.ts';
export { createShareTable, type ShareAnswer, type ShareAsk, type ShareOptions, type ShareTable } from './shares.ts';
export { similarName } from './similar.ts';
export { createTokenBucket, type TokenBucket, type TokenBucketOptions } from './token-bucket.ts';
export { type Week, type WeekStretch, weekOf } from './week.ts';
export type { Window } from './window.ts';
export { type FileFault, parseYaml, pathText, type YamlPath, type YamlPlaces } from './yaml-places.ts';
