export { formatRate, parseRate, RateError } from './rate.ts';
export { createTokenBucket, type TokenBucket } from './token-bucket.ts';
