/**
 * The one table of the tracker's errors, and the one class that carries them.
 * Decides code, HTTP status and whether trying again can help. Texts are finished where they are thrown.
 */
import type { SessionError } from './client/shapes.ts';

interface ErrorRow {
  text: string;
  status: number;
  retryable: boolean;
}

export const ERRORS = {
  BAD_OPTIONS: { text: 'the tracker cannot start with these options', status: 500, retryable: false },
  NEWER_DATABASE: { text: 'the data folder was written by a newer tracker', status: 500, retryable: false },
  NO_SQLITE: { text: 'SQLite cannot be loaded, and the tracker needs it', status: 500, retryable: false },
  NO_DATABASE: { text: "there is no tracker's database", status: 500, retryable: false },
  BAD_BACKUP: { text: "this is no whole copy of a tracker's database", status: 500, retryable: false },
  TRACKER_RUNS: { text: 'a tracker runs on this data folder; stop it, then try again', status: 500, retryable: false },
  BAD_REQUEST: { text: 'the request is not what this call takes', status: 400, retryable: false },
  UNAUTHORIZED: { text: 'the token is missing or unknown', status: 401, retryable: false },
  FORBIDDEN: { text: 'this token does not allow that', status: 403, retryable: false },
  STANDING_TOKEN: {
    text: 'a token that was made for somebody does not end by signing out; it is revoked by its id',
    status: 409,
    retryable: false,
  },
  SIGN_IN_EXPIRED: {
    text: 'this sign-in was begun in another browser or too long ago; begin again',
    status: 400,
    retryable: true,
  },
  SIGN_IN_REFUSED: { text: 'the identity provider refused the sign-in', status: 401, retryable: false },
  SIGN_IN_FAILED: { text: 'the identity provider cannot be asked', status: 502, retryable: true },
  NO_ROLE: { text: 'this person is in no group that may look here', status: 403, retryable: false },
  NOT_FOUND: { text: 'there is nothing at this address', status: 404, retryable: false },
  UNKNOWN_JOB: { text: 'no job has this id', status: 404, retryable: false },
  UNKNOWN_TOKEN: { text: 'no token has this id', status: 404, retryable: false },
  JOB_ENDED: { text: 'the job has already ended', status: 409, retryable: false },
  UNKNOWN_HOST: { text: 'no known host has this peer id or name', status: 404, retryable: false },
  HOST_ONLINE: { text: 'a host that is online is not forgotten: stop its agent first', status: 409, retryable: false },
  NOTHING_FAILED: {
    text: 'no host of this job failed in a way that trying again could mend',
    status: 409,
    retryable: false,
  },
  INVALID_ORDER: { text: 'this order makes no sense', status: 400, retryable: false },
  INVALID_SELECTOR: {
    text: 'hosts are written as env=prod, env!=prod, rack in (r1,r2) or web-*, with commas between them; not as',
    status: 400,
    retryable: false,
  },
  NO_HOSTS: { text: 'no known host matches', status: 409, retryable: false },
  NO_PLATFORM: { text: 'the image is not for the platform of any of these hosts', status: 422, retryable: false },
  DIGEST_MISMATCH: { text: "the registry's bytes do not match their digest", status: 502, retryable: false },
  INTERNAL: { text: 'the tracker failed; its log says why', status: 500, retryable: true },
  DISK_FULL: {
    text: 'the tracker cannot write, its disk is full: free space in its dataDir and try again',
    status: 507,
    retryable: true,
  },
  BAD_MESSAGE: { text: 'a message is malformed', status: 400, retryable: true },
  BAD_PROTOCOL: { text: 'the tracker does not speak this protocol', status: 400, retryable: false },
  BAD_SIGNATURE: { text: 'the hello is not signed by the key it names', status: 401, retryable: false },
  HELLO_TIMEOUT: { text: 'no hello came in time', status: 408, retryable: true },
  SESSION_REPLACED: { text: 'another session took over with the same key', status: 409, retryable: false },
  TOKEN_REVOKED: { text: 'the join token was revoked', status: 401, retryable: false },
  STOPPING: { text: 'the tracker stops', status: 503, retryable: true },
  FORBIDDEN_BLOB: { text: 'no open job of this host names this blob', status: 403, retryable: false },
  PULL_REFUSED: { text: 'the registry does not let this client read this blob', status: 403, retryable: false },
  UNKNOWN_REGISTRY: {
    text: 'the tracker does not know this registry; add it to registries in tracker.yaml',
    status: 404,
    retryable: false,
  },
  PULL_UNCHECKED: { text: 'the registry cannot be asked', status: 502, retryable: true },
  NO_SEEDER: { text: 'no seeder is online to read this blob', status: 503, retryable: true },
  FORBIDDEN_ROLE: { text: 'only a seeder may publish piece hashes', status: 403, retryable: false },
  SIZE_MISMATCH: { text: "the manifest's size of a blob is not its size", status: 409, retryable: false },
  FOREIGN_PEERS_OFF: {
    text: 'foreign BitTorrent clients are off; to let them in set foreignPeers: true in tracker.yaml and restart the tracker',
    status: 404,
    retryable: false,
  },
  UNKNOWN_PASSKEY: { text: 'no passkey has this id', status: 404, retryable: false },
  UNKNOWN_BLOB: { text: 'the tracker knows no such blob', status: 404, retryable: false },
  NO_COMPLETE_MEMBER: { text: 'no host that is online holds the whole blob', status: 409, retryable: false },
  NO_SHA1_ANSWER: { text: 'no host that holds the blob gave the SHA-1 of its pieces', status: 504, retryable: true },
  NO_POLICY: {
    text: 'there is no bandwidth policy; shoal policy apply FILE puts one in force',
    status: 404,
    retryable: false,
  },
  UNKNOWN_POLICY: { text: 'no bandwidth policy has this number', status: 404, retryable: false },
  INVALID_POLICY: { text: 'this is no bandwidth policy; nothing was changed', status: 422, retryable: false },
  PREHEAT_OFF: {
    text: "Harbor's P2P Preheat is off; to let it order set harbor.preheat.secretFile in tracker.yaml and restart the tracker",
    status: 404,
    retryable: false,
  },
  HOOKS_OFF: {
    text: 'webhooks are off; to take them set hooks.secretFile in tracker.yaml and restart the tracker',
    status: 404,
    retryable: false,
  },
  BAD_SECRET: {
    text: 'the secret of this request is missing or is not the one in tracker.yaml',
    status: 401,
    retryable: false,
  },
  UNKNOWN_CLUSTER: {
    text: 'no hosts belong to this cluster id; add it to harbor.preheat.clusters in tracker.yaml',
    status: 422,
    retryable: false,
  },
  TOO_MANY_PUSHES: {
    text: 'too many pushes wait for the registry already; try again later',
    status: 503,
    retryable: true,
  },
  BAD_APP: { text: 'this is no app, pod or group of Marathon', status: 422, retryable: false },
  BAD_CONSTRAINT: { text: 'a constraint of Marathon cannot be evaluated', status: 422, retryable: false },
  UNKNOWN_MARATHON: { text: 'tracker.yaml has no such Marathon', status: 404, retryable: false },
  MARATHON_UNREACHABLE: { text: 'Marathon cannot be asked', status: 502, retryable: true },
  MESOS_UNREACHABLE: { text: 'the Mesos master cannot be asked', status: 502, retryable: true },
  HASH_CONFLICT: { text: 'two seeders read different bytes of one blob', status: 409, retryable: true },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export class TrackerError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryable: boolean;

  /** `detail` follows the table's text. */
  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    super(detail ? `${ERRORS[code].text}: ${detail}` : ERRORS[code].text, options);
    this.name = 'TrackerError';
    this.code = code;
    this.status = ERRORS[code].status;
    this.retryable = ERRORS[code].retryable;
  }
}

/** The form in which errors travel to agents and people. */
export function sessionError(code: ErrorCode, detail?: string): SessionError {
  const { message, retryable } = new TrackerError(code, detail);
  return { code, text: message, retryable };
}
