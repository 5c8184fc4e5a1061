/** What other packages may use to talk to a tracker. */
export { ERRORS } from '../errors.ts';
export * from './api-error.ts';
export * from './api-schemas.ts';
export * from './coverage-schemas.ts';
export * from './fleet-schemas.ts';
export * from './host-schemas.ts';
export * from './job-schemas.ts';
export * from './marathon-schemas.ts';
export * from './metrics-text.ts';
export * from './session.ts';
export * from './session-messages.ts';
export * from './shapes.ts';
export * from './sign-in-schemas.ts';
export * from './tracker-client.ts';
