export { formatRate, parseRate, RateError } from './rate.ts';
export { similarName } from './similar.ts';
export { createTokenBucket, type TokenBucket } from './token-bucket.ts';
export { type FileFault, parseYaml, pathText, type YamlPath, type YamlPlaces } from './yaml-places.ts';
