/*
 * The commands that the pages tell people to type: fenced blocks, code in a line of text, and the heads of docker/*.yaml;
 * and what of a block is which program's command line. Reads; judges nothing.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readText } from './source.ts';

export interface Block {
  page: string;
  language: string;
  text: string;
  /** What the page says right above it, behind `Not run: `. */
  notRun: string | undefined;
}

export interface Inline {
  page: string;
  text: string;
}

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const SHELLS = ['sh', 'console', 'powershell'];
const PROGRAM = /^(shoal|npm|npx|docker|podman|kubectl|systemctl|journalctl|apt|node|curl|skopeo|fsutil) ./;

export function pages(): string[] {
  const names = (folder: string, ending: string) =>
    readdirSync(path.join(ROOT, folder))
      .filter((name) => name.endsWith(ending))
      .map((name) => `${folder}/${name}`);
  return ['README.md', ...names('docs', '.md'), 'bench/README.md', ...names('docker', '.yaml')];
}

/** Of a page's own text, or of the one that is given. */
export function blocksOf(page: string, text = readText(page) ?? ''): Block[] {
  return page.endsWith('.yaml') ? headOf(page, text) : fencesOf(page, text);
}

function fencesOf(page: string, text: string): Block[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].flatMap((match) => {
    const [, indent = '', language = '', inside = ''] = match;
    const above = text.slice(0, match.index).trimEnd().split('\n\n').at(-1) ?? '';
    const plain = inside.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const isShell = SHELLS.includes(language) || (language === '' && PROGRAM.test(plain));
    return isShell ? [{ page, language, text: plain, notRun: markOf(above) }] : [];
  });
}

/** Lines of the comment at the top that are set off by three spaces. */
function headOf(page: string, text: string): Block[] {
  const comment = (/^(?:#.*\n)+/.exec(text)?.[0] ?? '').replaceAll(/^# ?/gm, '');
  return comment
    .split(/\n{2,}/)
    .map((part, index, parts) => ({ part, above: parts[index - 1] ?? '' }))
    .filter(({ part }) => /^ {2}/.test(part))
    .map(({ part, above }) => ({
      ...{ page, language: 'sh', text: `${part.replaceAll(/^ {2}/gm, '').trimEnd()}\n` },
      notRun: markOf(above),
    }));
}

function markOf(paragraph: string): string | undefined {
  return /^Not run: ([\s\S]+)/.exec(paragraph.trim())?.[1];
}

/** Code in a line of text that begins as a command does. */
export function inlineOf(page: string, text = readText(page) ?? ''): Inline[] {
  if (page.endsWith('.yaml')) return [];
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)]
    .map(([, code = '']) => ({ page, text: code }))
    .filter((code) => PROGRAM.test(code.text));
}

/** A block's lines as a shell takes them: one that ends in a quote, a backslash or && goes on. Without comments. */
export function linesOf({ text }: { text: string }): string[] {
  const lines: string[] = [];
  let rest = '';
  for (const line of text.split('\n')) {
    rest = rest === '' ? line : `${rest}\n${line}`;
    if (isOpen(rest)) continue;
    if (wordsOf(rest).length > 0) lines.push(rest);
    rest = '';
  }
  if (rest !== '') throw new Error(`left open: ${rest}`);
  return lines;
}

function isOpen(line: string): boolean {
  const plain = line.replaceAll(/'[^']*'|"(?:\\[\s\S]|[^"\\])*"/g, '').replace(/(^|\s)#.*/, '');
  return /['"]/.test(plain) || /(\\|&&)[ \t]*$/.test(plain);
}

const TOKEN =
  /(\s+)|(#.*)|(&&|\|\||[;|]|\d*>>?|<)|((?:'[^']*'|"(?:\\[\s\S]|[^"\\])*"|\\[\s\S]|[^\s'"\\;|<>&])+)|([\s\S])/y;

/** The commands of a line, each its words without quotes; what is behind > is no word of it. */
export function commandsOf(line: string, language = 'sh'): string[][] {
  const commands: string[][] = [[]];
  let isTarget = false;
  for (const token of wordsOf(line, language)) {
    if (/^(&&|\|\||[;|])$/.test(token.operator)) commands.push([]);
    else if (token.operator !== '') isTarget = true;
    else if (isTarget) isTarget = false;
    else commands.at(-1)?.push(token.word);
  }
  return commands.filter((words) => words.length > 0);
}

function wordsOf(line: string, language = 'sh'): { operator: string; word: string }[] {
  const found: { operator: string; word: string }[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(line); match !== null; match = TOKEN.exec(line)) {
    const [, , comment, operator = '', word] = match;
    if (comment !== undefined || (operator === '' && word === undefined)) continue;
    found.push({ operator, word: language === 'powershell' ? (word ?? '') : unquoted(word ?? '') });
  }
  return found;
}

function unquoted(word: string): string {
  return word.replaceAll(
    /'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])/g,
    (_, single, double, escaped) =>
      single ?? (double === undefined ? escaped : double.replaceAll(/\\(["\\$`])/g, '$1')),
  );
}

/** Arguments of `shoal` in a command, also of one that others run for people; undefined where it is none of ours. */
export function shoalArguments(words: readonly string[]): string[] | undefined {
  const exec = words.indexOf('exec');
  const at = words.findIndex((word, index) => {
    if (!/^(.*[\\/])?shoal(\.js)?$/.test(word)) return false;
    const before = words[index - 1];
    return index === 0 || /[\\/]bin[\\/]/.test(word) || before === '--' || (exec >= 0 && index === exec + 2);
  });
  return at < 0 ? undefined : words.slice(at + 1);
}
