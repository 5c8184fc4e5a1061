/**
 * Who signed in and as what, out of the claims of a provider (OpenID Connect Core 5.1). Pure: signatures were checked
 * before.
 */
import type { RoleRules } from './options.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface Person {
  name: string;
  /** Undefined: none of the groups may look here. */
  role: 'admin' | 'reader' | undefined;
}

const NAME_CLAIMS = ['preferred_username', 'email', 'name', 'sub'];
const MAX_NAME_CHARS = 200;
const EVERYBODY = '*';

export function personOf(claims: Claims, rules: RoleRules): Person {
  const groups = new Set(groupsOf(claims, rules.claim) ?? []);
  const isOneOf = (names: readonly string[]) => names.some((name) => groups.has(name));
  const isReader = rules.readers.includes(EVERYBODY) || isOneOf(rules.readers);
  return { name: nameOf(claims), role: isOneOf(rules.admins) ? 'admin' : isReader ? 'reader' : undefined };
}

/** Undefined: the claim is not there, and may be elsewhere. A single text is a list of one. */
export function groupsOf(claims: Claims, claim: string): string[] | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : claim.split('.').reduce<unknown>(childOf, claims);
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined;
}

/** Without what breaks a line or turns it around: control and format characters, separators of lines. */
export function plainText(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '').trim();
}

function childOf(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined;
  return (parent as Claims)[key];
}

function nameOf(claims: Claims): string {
  const names = NAME_CLAIMS.map((claim) => claims[claim]);
  const texts = names.map((name) => (typeof name === 'string' ? plainText(name).slice(0, MAX_NAME_CHARS) : ''));
  return texts.find((text) => text !== '') ?? '?';
}
