/**
 * Marathon's events and its list of deployments as what may need images. Pure.
 * Plans are read in every form: with the whole groups or without (`plan-format=light`), steps that name what they do
 * `action` or `type`, and steps that are lists or objects.
 */
import { z } from 'zod';
import { readApp, type Workload } from './workloads.ts';

export interface Action {
  verb: 'start' | 'restart' | 'scale';
  kind: 'app' | 'pod';
  id: string;
}

export type MarathonEvent = { type: 'posted'; workload: Workload } | { type: 'deployment'; actions: Action[] };

export const EVENT_TYPES = ['deployment_info', 'api_post_event'] as const;

/** The actions that bring an image to where it was not; the others stop something or are Marathon's own. */
const VERBS = new Map<string | undefined, Pick<Action, 'verb' | 'kind'>>([
  ['StartApplication', { verb: 'start', kind: 'app' }],
  ['RestartApplication', { verb: 'restart', kind: 'app' }],
  ['ScaleApplication', { verb: 'scale', kind: 'app' }],
  ['StartPod', { verb: 'start', kind: 'pod' }],
  ['RestartPod', { verb: 'restart', kind: 'pod' }],
  ['ScalePod', { verb: 'scale', kind: 'pod' }],
]);

const actionSchema = z.object({
  action: z.string().optional(),
  type: z.string().optional(),
  app: z.string().nullish(),
  pod: z.string().nullish(),
});
const actions = z.array(actionSchema);
const stepSchema = z.union([actions, z.object({ actions }).transform((step) => step.actions)]);
const deploymentSchema = z.object({
  steps: z.array(stepSchema).nullish(),
  currentActions: actions.nullish(),
});
const infoSchema = z.object({ plan: deploymentSchema.nullish(), currentStep: stepSchema.nullish() });
const postSchema = z.object({ appDefinition: z.unknown() });

/** Undefined for an event of another type. Throws SyntaxError, ZodError, TrackerError when it cannot be read. */
export function readEvent(event: { event: string; data: string }): MarathonEvent | undefined {
  if (event.event === 'api_post_event')
    return { type: 'posted', workload: readApp(postSchema.parse(JSON.parse(event.data)).appDefinition) };
  if (event.event !== 'deployment_info') return undefined;
  const { plan, currentStep } = infoSchema.parse(JSON.parse(event.data));
  return { type: 'deployment', actions: actionsOf([...(plan?.steps ?? []), currentStep ?? []].flat()) };
}

/** Of the answer to GET /v2/deployments. Throws ZodError. */
export function readDeployments(answer: unknown): Action[] {
  const deployments = z.array(deploymentSchema).parse(answer);
  return actionsOf(
    deployments.flatMap(({ steps, currentActions }) => [...(steps ?? []).flat(), ...(currentActions ?? [])]),
  );
}

/** One an app: what restarts or starts needs its image, also when it is scaled beside. */
function actionsOf(raw: readonly z.infer<typeof actionSchema>[]): Action[] {
  const found = new Map<string, Action>();
  for (const { action, type, app, pod } of raw) {
    const known = VERBS.get(action ?? type);
    const id = known?.kind === 'pod' ? pod : app;
    if (known === undefined || !id) continue;
    const key = `${known.kind} ${id}`;
    const before = found.get(key);
    if (before === undefined || before.verb === 'scale') found.set(key, { ...known, id });
  }
  return [...found.values()];
}
