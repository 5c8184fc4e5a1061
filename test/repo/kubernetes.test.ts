/** docker/kubernetes.yaml is what the API of Kubernetes takes: each object is checked against the types of its kind. */
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readText } from './source.ts';

/** By kind, the module of kubernetes-types that has it: made from the API's own OpenAPI description. */
const MODULES: Readonly<Record<string, string>> = {
  ConfigMap: 'core/v1',
  PersistentVolumeClaim: 'core/v1',
  Service: 'core/v1',
  Deployment: 'apps/v1',
  DaemonSet: 'apps/v1',
};
const FILE = join(import.meta.dirname, 'objects.ts');

interface KubernetesObject {
  apiVersion: string;
  kind: string;
}

/** What the compiler says of them as constants of their types: wrong values, and keys that there are not. */
function faultsOf(objects: readonly KubernetesObject[]): string[] {
  const lines = objects.map((object, index) => {
    const { kind, apiVersion } = object;
    const module = MODULES[kind];
    expect(module, kind).toMatch(new RegExp(`(^|/)${apiVersion.replace(/^v1$/, 'core/v1')}$`));
    const type = `import('kubernetes-types/${module}').${kind}`;
    return `export const object${index}: ${type} = ${JSON.stringify(object)};`;
  });
  const options: ts.CompilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: true, types: [] },
    ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === FILE || fileExists(path);
  host.getSourceFile = (path, target) =>
    path === FILE ? ts.createSourceFile(path, lines.join('\n'), target) : getSourceFile(path, target);
  const program = ts.createProgram([FILE], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

const objects = parseAllDocuments(readText('docker/kubernetes.yaml') ?? '').map(
  (document) => document.toJS() as KubernetesObject,
);

it('has objects that the API takes', () => {
  expect(objects.length).toBeGreaterThan(4);
  expect(faultsOf(objects)).toEqual([]);
});

it('a key that there is not, and a value of another kind, are found', () => {
  const [deployment] = objects.filter(({ kind }) => kind === 'Deployment');
  const { spec } = deployment as unknown as { spec: object };
  const wrong = [
    { ...deployment, spec: { ...spec, replica: 1 } },
    { ...deployment, spec: { ...spec, replicas: 'one' } },
  ] as unknown as KubernetesObject[];
  const faults = faultsOf(wrong);
  expect(faults).toHaveLength(2);
  expect(faults[0]).toMatch(/replica.* does not exist in type 'DeploymentSpec'/);
  expect(faults[1]).toMatch(/'string' is not assignable to type 'number'/);
});
