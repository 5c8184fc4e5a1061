/**
 * Who may order from outside: the secrets that Harbor and registries show, compared in constant time. Pure.
 * Harbor's four auth modes of a preheat instance (src/pkg/p2p/preheat/provider/auth): NONE, BASIC, OAUTH, CUSTOM.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface PreheatDoor {
  /** Password of BASIC, token of OAUTH, value of CUSTOM. Undefined: only the open door. */
  secret?: string;
  /** Account of BASIC. */
  username: string;
  /** Name of the header of CUSTOM. */
  header: string;
  /** NONE: whoever reaches the tracker may order. What is shown nevertheless must be right. */
  isOpen: boolean;
}

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export function admitsPreheat(door: PreheatDoor, headers: Headers): boolean {
  const custom = textOf(headers[door.header.toLowerCase()]);
  const { authorization } = headers;
  const { secret } = door;
  if (secret === undefined || (door.isOpen && custom === '' && authorization === undefined)) return door.isOpen;
  return isSame(custom, secret) || holds(textOf(authorization), { ...door, secret });
}

/** The `Authorization` as it was set up, whatever its scheme. */
export function admitsHook(secret: string, headers: Headers): boolean {
  return isSame(textOf(headers.authorization), secret);
}

function holds(authorization: string, { username, secret }: { username: string; secret: string }): boolean {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return isSame(value, secret);
  if (scheme.toLowerCase() !== 'basic') return false;
  return isSame(Buffer.from(value, 'base64').toString('utf8'), `${username}:${secret}`);
}

function textOf(header: string | string[] | undefined): string {
  return Array.isArray(header) ? '' : (header ?? '');
}

/** Of hashes, so that not even the length shows. */
function isSame(shown: string, secret: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(shown), hash(secret));
}
