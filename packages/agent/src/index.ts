/** The agent for who starts one: `startAgent`, and what it says of itself. */
export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export type { AgentStatus, BlobStatus } from './agent-status.ts';
export { budgetBytes, type CacheBudget, floorBytes, type Volume, volumeOf } from './cache/budget.ts';
export type { CacheOptions, CacheStatus } from './cache/cache.ts';
export type { CacheView, RemoveRequest, RemoveView, VerifyEvent } from './cache/cache-desk.ts';
export { CONTROL_TOKEN_FILE } from './control/control-api.ts';
export { createEngineClient, defaultEngineAddress, EngineError } from './engine/index.ts';
export { AGENT_ERRORS, AgentError, type AgentErrorCode, toSessionError } from './errors.ts';
export type { ExitOptions } from './host-facts.ts';
export { spareTheOptimizer } from './runtime.ts';
