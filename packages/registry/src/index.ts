/** The public face of @shoal/registry: places images come from. */
export { openArchiveSource } from './archive-source.ts';
export type { RegistryErrorCode, RegistryErrorDetails } from './errors.ts';
export { REGISTRY_ERRORS, RegistryError } from './errors.ts';
export { openLayoutSource } from './layout-source.ts';
export type { RegistryOptions } from './options.ts';
export { createRegistrySource } from './registry-source.ts';
export type { RegistryDependencies } from './retry.ts';
export type { ImageSource, ReadBlobOptions, ResolvedManifest } from './source.ts';
export type { TokenAnswer, TokenAsk } from './tokens.ts';
export type { HttpAnswer } from './transport.ts';
export type { Upstream, UpstreamRequest } from './upstream.ts';
export { createUpstream } from './upstream.ts';
