/**
 * The engine's proxy by its environment, which every version of it reads: a drop-in of systemd's docker.service. Decides
 * its text, and finds a proxy that somebody else gives the engine the same way. Pure.
 */
import { isExcepted, isSameUrl } from './daemon-json.ts';
import { setupConflict } from './setup-errors.ts';

export function dropInText(proxyUrl: string): string {
  return `# Written by \`shoal setup docker\`; \`shoal setup --undo docker\` takes it away.
[Service]
Environment=${quoted(`HTTPS_PROXY=${proxyUrl}`)}
`;
}

/** systemd.exec(5): quotes and backslashes are escaped, `%` begins a specifier. */
function quoted(assignment: string): string {
  return `"${assignment.replace(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`;
}

const ASSIGNMENT = /\b(https_proxy|no_proxy)=(?:"([^"]*)"|'([^']*)'|([^\s"']*))/gi;

/** `text` is another drop-in or an environment file. Throws CliError SETUP_CONFLICT. */
export function checkEngineEnvironment(
  text: string,
  { proxyUrl, proxied }: { proxyUrl: string; proxied: readonly string[] },
  path: string,
): void {
  const settings = text.split('\n').filter((line) => !/^\s*[#;]/.test(line));
  for (const [, name = '', ...values] of settings.join('\n').matchAll(ASSIGNMENT)) {
    const value = values.find((one) => one !== undefined) ?? '';
    if (value === '') continue;
    if (name.toLowerCase() === 'https_proxy' && !isSameUrl(value, proxyUrl))
      throw setupConflict(path, `${name} is ${value} already, and an engine has only one; remove it there first`);
    const left = name.toLowerCase() === 'no_proxy' ? proxied.filter((host) => isExcepted(host, value)) : [];
    if (left.length > 0)
      throw setupConflict(path, `${name} keeps ${left.join(', ')} from every proxy; take it out of ${name}`);
  }
}
