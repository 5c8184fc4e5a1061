/**
 * What containerd's hosts.toml of one registry becomes: the proxy is asked first, then whoever was, then the registry.
 * All of somebody else's file stays byte for byte; ours is a block between two marks, so that it is found again. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { HUB } from './registry-hosts.ts';
import { setupConflict } from './setup-errors.ts';
import { type Toml, tableAt, tomlIn } from './toml-file.ts';

const BEGIN = '# >>> shoal setup: asked first';
const END = '# <<< shoal setup';
const OURS = new RegExp(`^${BEGIN}\\r?\\n[\\s\\S]*?^${END}\\r?\\n`, 'm');
/** Tables of hosts count in the order of the file. */
const FIRST_HOST = /^[ \t]*\[[ \t]*["']?host["']?[ \t]*\./m;

/** Throws CliError BAD_HOST_FILE, SETUP_CONFLICT. */
export function hostsTomlWith(
  old: string | undefined,
  { host, proxyUrl }: { host: string; proxyUrl: string },
  path: string,
): string {
  const block = `${BEGIN}\n[host.${JSON.stringify(proxyUrl)}]\n  capabilities = ["pull", "resolve"]\n${END}\n`;
  if (old === undefined || old.trim() === '')
    return `server = ${JSON.stringify(`https://${host === HUB ? 'registry-1.docker.io' : host}`)}\n\n${block}`;
  // Also one written by hand, perhaps with other capabilities: it is as they want it.
  if (Object.hasOwn(tableAt(tomlIn(old, path), 'host'), proxyUrl)) return old;
  // What is ours may name another port, from before.
  const others = tomlIn(old.replace(OURS, ''), path);
  const next = OURS.test(old) ? old.replace(OURS, () => block) : inserted(old, block);
  if (isAskedFirst(proxyUrl, tomlIn(next, path), others)) return next;
  const lines = block.split(/\n */).slice(1, 3).join(' / ');
  throw setupConflict(path, `no safe place was found in it; put this before its first host by hand: ${lines}`);
}

/** And all else means what it meant. */
function isAskedFirst(proxyUrl: string, next: Toml, others: Toml): boolean {
  const host = { [proxyUrl]: { capabilities: ['pull', 'resolve'] }, ...tableAt(others, 'host') };
  return Object.keys(tableAt(next, 'host'))[0] === proxyUrl && isSame(next, { ...others, host });
}

/** Parsed tables have no prototype, literals have one. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(structuredClone(a), structuredClone(b));
}

/** Before the first host; without one at the end, where no table can swallow what follows. */
function inserted(text: string, block: string): string {
  const at = FIRST_HOST.exec(text)?.index;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = block.replaceAll('\n', eol);
  if (at !== undefined) return `${text.slice(0, at)}${lines}${eol}${text.slice(at)}`;
  return `${text}${text.endsWith('\n') ? '' : eol}${eol}${lines}`;
}
