/**
 * Reads `WWW-Authenticate` (RFC 9110 §11.6.1): which login a registry asks for.
 * Decides nothing about credentials. Hostile text costs linear time.
 */

export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  scheme: string;
  /** Names in lower case. */
  parameters: Record<string, string>;
}

const TOKEN = /[\w!#$%&'*+.^`|~-]+/y;
const SEPARATORS = /[\s,]*/y;
const EQUALS = /\s*=\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const MAX_HEADER_CHARACTERS = 8192;

export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, MAX_HEADER_CHARACTERS);
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(SEPARATORS);
    const name = take(TOKEN)?.[0].toLowerCase();
    if (name === undefined) return challenges;
    if (!take(EQUALS)) {
      challenges.push({ scheme: name, parameters: {} });
      continue;
    }
    const quoted = take(QUOTED)?.[1]?.replace(/\\(.)/g, '$1');
    const value = quoted ?? take(TOKEN)?.[0];
    const current = challenges.at(-1);
    if (current && value !== undefined) current.parameters[name] = value;
  }
}
