/**
 * What of an app, pod or group of Marathon matters before it runs: images, constraints, how many. Pure.
 */
import { z } from 'zod';
import { TrackerError } from '../errors.ts';

export interface Workload {
  /** `/shop/web`. */
  id: string;
  kind: 'app' | 'pod';
  version?: string;
  /** As docker pull takes them, each once. Empty for a plain command. */
  images: string[];
  /** As Marathon writes them: many apps are read, few are placed. */
  constraints: unknown;
  instances: number;
  /** Undefined where Marathon does not say it. */
  running?: number;
  labels: Readonly<Record<string, string>>;
}

const shared = {
  id: z.string().max(1024).default(''),
  version: z.string().nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
};

const appSchema = z.object({
  ...shared,
  instances: z.number().nullish(),
  constraints: z.unknown().optional(),
  container: z.object({ docker: z.object({ image: z.string().nullish() }).nullish() }).nullish(),
  tasksRunning: z.number().nullish(),
});

const podSchema = z.object({
  ...shared,
  containers: z.array(
    z.object({ image: z.object({ kind: z.string().nullish(), id: z.string().nullish() }).nullish() }),
  ),
  scaling: z.object({ instances: z.number().nullish() }).nullish(),
  scheduling: z.object({ placement: z.object({ constraints: z.unknown().optional() }).nullish() }).nullish(),
});

const list = z.array(z.unknown()).max(10_000).nullish();
const groupSchema = z.object({ id: shared.id, apps: list, pods: list, groups: list });

const MAX_DEPTH = 20;

/** Of an app, a pod, a group with all below it, or a list of them. Throws TrackerError BAD_APP. */
export function workloadsIn(document: unknown, parent = '/', depth = 0): Workload[] {
  if (depth > MAX_DEPTH) throw new TrackerError('BAD_APP', `groups are nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(document)) return document.flatMap((one) => workloadsIn(one, parent, depth + 1));
  if (typeof document !== 'object' || document === null) throw new TrackerError('BAD_APP', 'it is no JSON object');
  if ('app' in document) return [readApp(document.app, parent)];
  if ('containers' in document) return [readPod(document, parent)];
  if (!('apps' in document || 'pods' in document || 'groups' in document)) return [readApp(document, parent)];
  const { id, apps, pods, groups } = parse(groupSchema, document);
  const path = pathOf(id, parent);
  return [
    ...(apps ?? []).map((app) => readApp(app, path)),
    ...(pods ?? []).map((pod) => readPod(pod, path)),
    ...(groups ?? []).flatMap((group) => workloadsIn(group, path, depth + 1)),
  ];
}

/** Throws TrackerError BAD_APP. */
export function readApp(document: unknown, parent = '/'): Workload {
  const app = parse(appSchema, document);
  const id = pathOf(app.id, parent);
  const image = app.container?.docker?.image;
  return {
    ...{ id, kind: 'app', version: app.version ?? undefined, labels: app.labels ?? {} },
    images: image ? [image] : [],
    constraints: app.constraints,
    instances: app.instances ?? 1,
    running: app.tasksRunning ?? undefined,
  };
}

/** Throws TrackerError BAD_APP. */
export function readPod(document: unknown, parent = '/'): Workload {
  const pod = parse(podSchema, document);
  const id = pathOf(pod.id, parent);
  const images = pod.containers.flatMap(({ image }) => (image?.kind === 'DOCKER' && image.id ? [image.id] : []));
  return {
    ...{ id, kind: 'pod', version: pod.version ?? undefined, labels: pod.labels ?? {} },
    images: [...new Set(images)],
    constraints: pod.scheduling?.placement?.constraints,
    instances: pod.scaling?.instances ?? 1,
  };
}

function parse<T>(schema: z.ZodType<T>, document: unknown): T {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TrackerError('BAD_APP', `${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}

/** Of the answers to GET /v2/apps and /v2/pods; what cannot be read is left out. Throws TrackerError BAD_APP. */
export function readAll(apps: unknown, pods: unknown): Workload[] {
  const tolerant = (read: (one: unknown) => Workload) => (one: unknown) => {
    try {
      return [read(one)];
    } catch {
      return [];
    }
  };
  const list = parse(z.object({ apps: z.array(z.unknown()) }), apps).apps;
  return [
    ...list.flatMap(tolerant((app) => readApp(app))),
    ...(Array.isArray(pods) ? pods : []).flatMap(tolerant((pod) => readPod(pod))),
  ];
}

/** An id without a slash in front is relative to its group. */
function pathOf(id: string, parent: string): string {
  if (id.startsWith('/')) return id;
  return `${parent.replace(/\/$/, '')}/${id}`;
}
