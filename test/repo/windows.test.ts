/**
 * The PowerShell of windows/ as far as it can be judged without PowerShell: its structure, that nothing is changed
 * unasked, and that the one script takes back what the other does. docs/windows.md lists what only Windows can prove.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_ERRORS } from '../../packages/agent/src/engine/errors.ts';
import { AGENT_ERRORS } from '../../packages/agent/src/errors.ts';
import { testIo } from '../../packages/cli/src/cli.testkit.ts';
import { EVENT_KINDS, eventIdOf } from '../../packages/cli/src/daemon/event-log/event-ids.ts';
import { CLI_ERRORS } from '../../packages/cli/src/errors.ts';
import { createProgram } from '../../packages/cli/src/program.ts';
import { OCI_ERRORS } from '../../packages/oci/src/errors.ts';
import { REGISTRY_ERRORS } from '../../packages/registry/src/errors.ts';
import { ERRORS as TRACKER_ERRORS } from '../../packages/tracker/src/errors.ts';

const FOLDER = join(import.meta.dirname, '../../windows');
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const [install, uninstall, xml] = [read('install.ps1'), read('uninstall.ps1'), read('shoal-agent.xml')];
const SCRIPTS = [
  ['install.ps1', install],
  ['uninstall.ps1', uninstall],
] as const;

/** Without comments and with empty texts; throws where a bracket or a quote is left open. */
function structureOf(script: string): string {
  let rest = script;
  let code = '';
  const open: string[] = [];
  while (rest !== '') {
    const [token = ''] = /^(<#[\s\S]*?#>|#[^\n]*|'(?:[^']|'')*'|"(?:[^"`]|`[\s\S]|"")*"|[\s\S])/.exec(rest) ?? [];
    rest = rest.slice(token.length);
    if (token.startsWith('#') || token.startsWith('<#')) continue;
    if (/^['"]$/.test(token)) throw new Error(`an open quote before: ${rest.slice(0, 60)}`);
    if (/^[([{]$/.test(token)) open.push(token);
    if (/^[)\]}]$/.test(token) && `${open.pop()}${token}`.match(/^(\(\)|\[\]|\{\})$/) === null)
      throw new Error(`${token} closes nothing before: ${rest.slice(0, 60)}`);
    code += token.length > 1 ? `${token[0]}${token.at(-1)}` : token;
  }
  if (open.length > 0) throw new Error(`left open: ${open.join(' ')}`);
  return code;
}

const functionsOf = (script: string) => [...script.matchAll(/^function ([\w-]+)/gm)].map(([, name = '']) => name);
const bodyOf = (script: string, name: string) =>
  new RegExp(`^function ${name}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(script)?.[1] ?? '';

describe.each(SCRIPTS)('%s', (_, script) => {
  it('closes what it opens', () => {
    expect(() => structureOf(script)).not.toThrow();
    expect(() => structureOf(script.replace('{', ''))).toThrow();
    expect(() => structureOf(`${script}'`)).toThrow();
  });

  it('stops at the first error, and is plain ASCII, as Windows PowerShell reads it', () => {
    expect(script).toMatch(/^Set-StrictMode -Version 2\.0\n\$ErrorActionPreference = 'Stop'$/m);
    expect(script).toMatch(/^[\n -~]*$/);
    expect(script).toContain('[CmdletBinding(SupportsShouldProcess = $true)]');
  });

  it('describes every parameter, and no other', () => {
    const block = /^param\(\n([\s\S]*?)^\)/m.exec(script)?.[1] ?? '';
    const given = [...block.matchAll(/^ {2}(?:\[[^\n]*?\] )+\$(\w+)/gm)].map(([, name]) => name);
    expect(given.length).toBeGreaterThan(3);
    expect([...script.matchAll(/^\.PARAMETER (\w+)$/gm)].map(([, name]) => name)).toEqual(given);
  });

  it('uses no alias and only cmdlets in full', () => {
    const code = structureOf(script);
    const commands = [...code.matchAll(/(?:^|[;|{(=])\s*&?\s*([A-Za-z][\w-]*)(?=[\s)}]|$)/gm)].map(
      ([, name = '']) => name,
    );
    const keywords = /^(function|param|if|else|foreach|for|return|throw|continue|ConvertFrom-Json|ConvertTo-Json)$/;
    const wrong = commands.filter((name) => !keywords.test(name) && !/^[A-Z][a-z]+-[A-Z]\w+$/.test(name));
    // Names on the left of a hashtable's entries are no commands.
    const keys = new Set([...code.matchAll(/([A-Za-z]\w*) = /g)].map(([, name]) => name));
    expect(wrong.filter((name) => !keys.has(name))).toEqual([]);
  });

  it('changes nothing that -WhatIf has not announced', () => {
    const changing =
      /\b(New-Item|Set-Acl|(Add|Remove)-MpPreference|(New|Set|Remove)-Net\w+|Copy-Item|Remove-Item|(Start|Stop)-Service|Save-Done)\b/;
    for (const name of functionsOf(script)) {
      if (name === 'Save-Done') continue;
      const body = bodyOf(structureOf(script), name);
      const at = body.search(changing);
      if (at >= 0) expect(body.slice(0, at), name).toContain('ShouldProcess');
    }
  });

  it('calls each of its steps', () => {
    for (const name of functionsOf(script).filter((one) => /^(Add|Remove)-/.test(one)))
      expect(script, name).toMatch(new RegExp(`^${name}$`, 'm'));
  });
});

describe('uninstall.ps1', () => {
  it('takes back each thing that install.ps1 does, and by what that wrote down', () => {
    const added = functionsOf(install).filter((name) => name.startsWith('Add-'));
    const removed = functionsOf(uninstall).filter((name) => name.startsWith('Remove-'));
    const thing = (name: string) => name.replace(/^\w+-/, '');
    expect(removed.map(thing).sort()).toEqual(added.map(thing).sort());
    const noted = [...install.matchAll(/Save-Done '(\w+)'/g)].map(([, name]) => name);
    expect(noted.sort()).toEqual(
      added
        .map(thing)
        .filter((name) => name !== 'Folder')
        .sort(),
    );
    for (const name of noted) expect(bodyOf(uninstall, `Remove-${name}`)).toContain(`$done.ContainsKey('${name}')`);
  });
});

describe('the event log', () => {
  it('has one source: of the service that writes with --event-log, of the script that makes it and the one that removes it', () => {
    expect(xml).toMatch(/"@SHOAL@" agent [^<]*--event-log/);
    expect(xml).toMatch(/<id>shoal-agent<\/id>/);
    expect(install).toMatch(/^\$service = 'shoal-agent'$/m);
    const step = bodyOf(install, 'Add-EventSource');
    expect(step).toMatch(/eventcreate \/L APPLICATION \/T INFORMATION \/SO \$service \/ID 1 /);
    expect(step).toMatch(/Save-Done 'EventSource' \$eventSource$/m);
    expect(bodyOf(uninstall, 'Remove-EventSource')).toMatch(/Remove-Item -LiteralPath \$source /);
  });

  const page = readFileSync(join(FOLDER, '../docs/windows.md'), 'utf8');

  it('has the ids of docs/windows.md', () => {
    const rows = [...page.matchAll(/^\| (\d+) \| (.*?) \| (.*?) \|$/gm)].map(([, id, text, names = '']) => [
      Number(id),
      text,
      [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    ]);
    expect(rows).toEqual(Object.entries(EVENT_KINDS).map(([id, { text, names }]) => [Number(id), text, [...names]]));
  });

  // Of the tracker's table most never come to a log of errors: who asked is answered with them.
  it.each([
    ['agent', AGENT_ERRORS],
    ['engine', ENGINE_ERRORS],
    ['registry', REGISTRY_ERRORS],
    ['oci', OCI_ERRORS],
  ])('has an id for each error of the table of %s', (_, table) => {
    const harmless = ['ABORTED'];
    const without = Object.keys(table).filter((code) => eventIdOf({ event: undefined, code }) === 1);
    expect(without.filter((code) => !harmless.includes(code))).toEqual([]);
  });

  it('gives no id to a code that there is not', () => {
    const ours = [AGENT_ERRORS, ENGINE_ERRORS, REGISTRY_ERRORS, OCI_ERRORS, CLI_ERRORS, TRACKER_ERRORS];
    const codes = new Set(ours.flatMap((table) => Object.keys(table)));
    const ofSystems = /^(SQLITE_[A-Z]+|ENOSPC|EDQUOT)$/;
    const names = Object.values(EVENT_KINDS).flatMap((kind) => kind.names);
    const isEvent = (name: string) => /^[a-z]+( [a-z]+)+$/.test(name);
    expect(names.filter((name) => !isEvent(name) && !ofSystems.test(name) && !codes.has(name))).toEqual([]);
    const sources = ['agent/src/agent.ts', 'agent/src/proxy/registry-proxy.ts', 'agent/src/bandwidth/kept-policy.ts'];
    const code = sources.map((path) => readFileSync(join(FOLDER, '../packages', path), 'utf8')).join('');
    const said = (name: string) =>
      code.includes(`event: '${name}'`) || (name === 'tracker refused' && /`tracker \$\{next\}`/.test(code));
    expect(names.filter((name) => isEvent(name) && !said(name))).toEqual([]);
  });
});

describe('shoal-agent.xml', () => {
  it('is well formed, and install.ps1 fills in all that is open', () => {
    const open: string[] = [];
    for (const [, closing, name = '', empty] of xml
      .replace(/<!--[\s\S]*?-->/g, '')
      .matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (closing === '/') expect(open.pop()).toBe(name);
      else if (empty === '') open.push(name);
    }
    expect(open).toEqual([]);
    const places = new Set([...xml.matchAll(/@([A-Z]+)@/g)].map(([, name]) => name));
    const filled = [...(/\$values = @\{ (.*) \}/.exec(install)?.[1] ?? '').matchAll(/([A-Z]+) = /g)].map(
      ([, name]) => name,
    );
    expect([...places].sort()).toEqual(filled.sort());
  });

  it('starts and stops the agent with verbs and options that there are', async () => {
    const program = await createProgram(testIo());
    const lines = [...xml.matchAll(/"@SHOAL@" (\w+)( [^<]+)/g)];
    expect(lines).toHaveLength(2);
    for (const [, verb, rest = ''] of lines) {
      const known = program.commands.find((one) => one.name() === verb)?.options.map(({ long }) => long);
      for (const option of rest.match(/--[\w-]+/g) ?? []) expect(known, verb).toContain(option);
    }
    expect(xml).toMatch(/<stoparguments>"@SHOAL@" stop /);
  });
});
