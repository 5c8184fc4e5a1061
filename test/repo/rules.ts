/*
 * The rules of the tree, each a function from what is there to a list of faults. The table of directions is DESIGN's,
 * repeated in docs/architecture.md.
 */
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { importsOf, isTestSource, type SourceFile, type WorkspacePackage } from './source.ts';

export const PURE_PACKAGES = ['oci', 'wire', 'swarm', 'policy', 'simulator'];
const PURE_CORE = ['@shoal/oci', '@shoal/wire', '@shoal/swarm', '@shoal/policy'];

/** Package → what it may import of the others. */
export const DIRECTIONS: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  wire: [],
  swarm: [],
  policy: [],
  simulator: ['@shoal/swarm', '@shoal/policy'],
  registry: ['@shoal/oci'],
  tracker: [...PURE_CORE, '@shoal/registry'],
  agent: [...PURE_CORE, '@shoal/registry', '@shoal/tracker/client'],
  dashboard: ['@shoal/tracker/client'],
  cli: [
    ...PURE_CORE,
    '@shoal/registry',
    '@shoal/tracker',
    '@shoal/tracker/client',
    '@shoal/agent',
    '@shoal/dashboard',
    '@shoal/simulator',
  ],
};

const MAX_LINES = 400;
const BANNED_NAMES = ['core', 'common', 'utils'];

/** Both in the sources and in package.json; a test beside the source obeys too. */
export function directionFaults(packages: WorkspacePackage[]): string[] {
  return packages.flatMap((one) => {
    const allowed = DIRECTIONS[one.name];
    if (!allowed) return [`packages/${one.name} is not in the table of directions`];
    const allowedPackages = allowed.map(packageOf);
    const declared = one.dependencies
      .filter((name) => name.startsWith('@shoal/') && !allowedPackages.includes(name))
      .map((name) => `packages/${one.name}/package.json depends on ${name}`);
    return [...declared, ...faultsByImport(one.sources, (specifier) => isAllowed(specifier, one.name, allowed))];
  });
}

function isAllowed(specifier: string, packageName: string, allowed: readonly string[]): string | undefined {
  if (!specifier.startsWith('@shoal/') || allowed.includes(specifier)) return undefined;
  return `${packageName} may not import '${specifier}'`;
}

/** A relative import stays in its package and names the file as it is on disk. */
export function relativeImportFaults(packages: WorkspacePackage[]): string[] {
  return packages.flatMap((one) =>
    one.sources.flatMap((file) =>
      faultsByImport([file], (specifier) => {
        if (!specifier.startsWith('.')) return undefined;
        if (!specifier.endsWith('.ts')) return `'${specifier}' does not end in .ts`;
        const target = path.posix.join(path.posix.dirname(file.path), specifier);
        if (!target.startsWith(`packages/${one.name}/src/`)) return `'${specifier}' leaves the package`;
        return undefined;
      }),
    ),
  );
}

/** From outside come only node: modules and what the package itself declares; tests also have the root's. */
export function dependencyFaults(packages: WorkspacePackage[], devDependencies: string[]): string[] {
  return packages.flatMap((one) =>
    one.sources.flatMap((file) => {
      const declared = isTestSource(file) ? [...one.dependencies, ...devDependencies] : one.dependencies;
      return faultsByImport([file], (specifier) => {
        if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
        if (isBuiltin(specifier)) return `'${specifier}' lacks node:`;
        return declared.includes(packageOf(specifier))
          ? undefined
          : `'${specifier}' is not in the package's package.json`;
      });
    }),
  );
}

export function packageNameFaults(packages: WorkspacePackage[]): string[] {
  return packages
    .filter((one) => BANNED_NAMES.includes(one.name))
    .map((one) => `packages/${one.name}: a package is named for what it decides`);
}

export function lengthFaults(packages: WorkspacePackage[]): string[] {
  return packages
    .flatMap((one) => one.sources)
    .map((file) => ({ path: file.path, lines: file.text.replace(/\n$/, '').split('\n').length }))
    .filter((file) => file.lines > MAX_LINES)
    .map((file) => `${file.path} has ${file.lines} lines, more than ${MAX_LINES}`);
}

/** The page names a dependency in backticks; types of others need no reason of their own. */
export function undocumentedDependencies(names: string[], page: string | undefined): string[] {
  const wanted = names.filter((name) => !name.startsWith('@shoal/') && !name.startsWith('@types/'));
  return [...new Set(wanted)].filter((name) => !page?.includes(`\`${name}\``)).sort();
}

function faultsByImport(files: SourceFile[], judge: (specifier: string) => string | undefined): string[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap(({ specifier, line }) => {
      const fault = judge(specifier);
      return fault === undefined ? [] : [`${file.path}:${line} ${fault}`];
    }),
  );
}

/** `@scope/name/sub` → `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
