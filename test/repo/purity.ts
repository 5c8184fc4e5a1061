/*
 * The bans in pure packages: no clock, no chance, no timers, no I/O, nothing asynchronous. Judged on the syntax tree,
 * so that words in comments, strings and property names do not count.
 */
import ts from 'typescript';
import { importsOf, isTestSource, lineOf, parse, type SourceFile } from './source.ts';

const BANNED_GLOBALS = new Set([
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'process',
  'fetch',
  'console',
  'crypto',
  'Promise',
  'require',
  'eval',
  'globalThis',
  'global',
]);

/** Of node:crypto, what gives the same answer for the same arguments, at once. */
const CRYPTO_NAMES = new Set([
  'createHash',
  'createHmac',
  'createPublicKey',
  'createPrivateKey',
  'createSecretKey',
  'hash',
  'sign',
  'verify',
  'timingSafeEqual',
  'KeyObject',
  'Hash',
  'Hmac',
]);

export function purityFaults(files: SourceFile[]): string[] {
  return files.filter((file) => !isTestSource(file)).flatMap((file) => [...moduleFaults(file), ...syntaxFaults(file)]);
}

function moduleFaults(file: SourceFile): string[] {
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith('node:') && specifier !== 'node:crypto')
    .map(({ specifier, line }) => `${file.path}:${line} imports '${specifier}'`);
}

function syntaxFaults(file: SourceFile): string[] {
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    const fault = faultOf(node);
    if (fault !== undefined) faults.push(`${file.path}:${lineOf(node)} uses ${fault}`);
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return faults;
}

function faultOf(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AwaitKeyword) return 'await';
  if (node.kind === ts.SyntaxKind.ImportKeyword && ts.isCallExpression(node.parent)) return 'import()';
  if (ts.isImportDeclaration(node)) return cryptoFault(node);
  if (!ts.isIdentifier(node) || !isReference(node)) return undefined;
  if (BANNED_GLOBALS.has(node.text)) return node.text;
  return node.text === 'Math' && isRandomOrHidden(node) ? 'Math.random' : undefined;
}

/** Names only, and only those of the list: `import * as crypto` would hide what is used. */
function cryptoFault(node: ts.ImportDeclaration): string | undefined {
  if (!ts.isStringLiteral(node.moduleSpecifier) || node.moduleSpecifier.text !== 'node:crypto') return undefined;
  const clause = node.importClause;
  if (!clause?.namedBindings || clause.name || !ts.isNamedImports(clause.namedBindings))
    return 'node:crypto as a whole';
  const banned = clause.namedBindings.elements
    .map((element) => (element.propertyName ?? element.name).text)
    .filter((name) => !CRYPTO_NAMES.has(name));
  return banned.length > 0 ? `${banned.join(', ')} of node:crypto` : undefined;
}

/** `Math.max` is fine; `Math.random`, `Math['random']` and `const { random } = Math` are not. */
function isRandomOrHidden(node: ts.Identifier): boolean {
  const access = node.parent;
  return !ts.isPropertyAccessExpression(access) || access.name.text === 'random';
}

/** False for the name of a member, a property, an import or a declaration. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isShorthandPropertyAssignment(parent) || ts.isExportSpecifier(parent)) return true;
  if (ts.isImportSpecifier(parent) || ts.isNamedTupleMember(parent)) return false;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  const named = parent as { name?: ts.Node };
  return named.name !== node;
}
