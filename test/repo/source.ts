/*
 * What the rules look at: packages, their sources, and what a source imports. Reads the tree; judges nothing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface SourceFile {
  /** From the root, with forward slashes: `packages/wire/src/keys.ts`. */
  path: string;
  text: string;
}

export interface WorkspacePackage {
  /** The folder's name: `wire`. */
  name: string;
  dependencies: string[];
  sources: SourceFile[];
}

export interface Import {
  specifier: string;
  line: number;
}

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');

export function readPackages(): WorkspacePackage[] {
  return readdirSync(path.join(ROOT, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(ROOT, 'packages', entry.name, 'package.json')))
    .map(({ name }) => ({
      name,
      dependencies: dependenciesOf(`packages/${name}/package.json`, 'dependencies'),
      sources: readSources(`packages/${name}/src`),
    }));
}

/** What the root installs for building and testing. */
export function readDevDependencies(): string[] {
  return dependenciesOf('package.json', 'devDependencies');
}

/** Undefined when there is no such file. */
export function readText(file: string): string | undefined {
  const place = path.join(ROOT, file);
  return existsSync(place) ? readFileSync(place, 'utf8') : undefined;
}

/** Not shipped: may use what the root installs. */
export function isTestSource(file: SourceFile): boolean {
  return /\.(test|testkit)\.ts$|\.d\.ts$/.test(file.path);
}

export function parse(file: SourceFile): ts.SourceFile {
  return ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
}

export function lineOf(node: ts.Node): number {
  return node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;
}

/** Of every kind: import, export from, import(), require(), import type and import('x').T. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier) found.push({ specifier: specifier.text, line: lineOf(specifier) });
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return found;
}

function specifierOf(node: ts.Node): ts.StringLiteralLike | undefined {
  let specifier: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier;
  else if (ts.isExternalModuleReference(node)) specifier = node.expression;
  else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) specifier = node.argument.literal;
  else if (ts.isCallExpression(node) && isLoader(node.expression)) specifier = node.arguments[0];
  return specifier && ts.isStringLiteralLike(specifier) ? specifier : undefined;
}

function isLoader(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function readSources(folder: string): SourceFile[] {
  if (!existsSync(path.join(ROOT, folder))) return [];
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const file = `${folder}/${name.replaceAll('\\', '/')}`;
      return { path: file, text: readFileSync(path.join(ROOT, file), 'utf8') };
    });
}

function dependenciesOf(file: string, field: 'dependencies' | 'devDependencies'): string[] {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as Partial<
    Record<typeof field, Record<string, string>>
  >;
  return Object.keys(manifest[field] ?? {});
}
