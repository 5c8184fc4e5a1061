import { describe, expect, it } from 'vitest';
import { readDeployments, readEvent } from './marathon-events.ts';

const info = (plan: object, currentStep?: object) =>
  readEvent({
    event: 'deployment_info',
    data: JSON.stringify({ eventType: 'deployment_info', timestamp: '2026-11-01T10:00:00.000Z', plan, currentStep }),
  });

describe('a deployment', () => {
  const restart = { verb: 'restart', kind: 'app', id: '/web' };

  it('is read from a light plan and from a heavy one', () => {
    const steps = [{ actions: [{ action: 'RestartApplication', app: '/web' }] }];
    const group = { id: '/', apps: [{ id: '/web' }], groups: [] };
    const light = { id: 'd1', version: 'v', steps };
    expect(info(light)).toEqual({ type: 'deployment', actions: [restart] });
    expect(info({ ...light, original: group, target: group })).toEqual({ type: 'deployment', actions: [restart] });
  });

  it('is read where a step says type instead of action, and where it is a list', () => {
    expect(info({ steps: [] }, { actions: [{ type: 'RestartApplication', app: '/web' }] })).toMatchObject({
      actions: [restart],
    });
    expect(info({ steps: [[{ action: 'RestartApplication', app: '/web' }]] })).toMatchObject({ actions: [restart] });
  });

  it('of one app is one action, and to start it says more than to scale it', () => {
    const steps = ['StartApplication', 'ScaleApplication'].map((action) => ({ actions: [{ action, app: '/web' }] }));
    expect(info({ steps: [...steps, ...steps] })).toMatchObject({ actions: [{ verb: 'start', id: '/web' }] });
    expect(info({ steps: steps.toReversed() })).toMatchObject({ actions: [{ verb: 'start', id: '/web' }] });
  });

  it('that stops or resolves something needs no image; pods are read by their name', () => {
    const actions = [
      { action: 'StopApplication', app: '/old' },
      { action: 'ResolveArtifacts', app: '/web' },
      { action: 'StopPod', pod: '/old-pod' },
      { action: 'StartPod', pod: '/pod' },
      { action: 'constructor', app: '/x' },
      { action: 'ScalePod' },
    ];
    expect(info({ steps: [{ actions }] })).toMatchObject({ actions: [{ verb: 'start', kind: 'pod', id: '/pod' }] });
  });

  it('is read from the list of those that run', () => {
    const deployment = { id: 'd', version: 'v', affectedApps: ['/web'], currentStep: 1, totalSteps: 2 };
    const currentActions = [{ action: 'ScaleApplication', app: '/a', readinessCheckResults: [] }];
    const steps = [{ actions: [{ action: 'RestartApplication', app: '/web' }] }];
    expect(readDeployments([{ ...deployment, steps, currentActions }])).toEqual([
      restart,
      { verb: 'scale', kind: 'app', id: '/a' },
    ]);
  });
});

describe('an event', () => {
  it('with a posted app carries its definition', () => {
    const appDefinition = { id: '/web', version: 'v1', container: { docker: { image: 'a:1' } } };
    const data = JSON.stringify({ clientIp: '10.0.0.1', uri: '/v2/apps/web', appDefinition });
    expect(readEvent({ event: 'api_post_event', data })).toMatchObject({
      type: 'posted',
      workload: { id: '/web', version: 'v1', images: ['a:1'] },
    });
  });

  it('of another type is passed over unread', () => {
    expect(readEvent({ event: 'status_update_event', data: 'not JSON' })).toBeUndefined();
  });

  it('that is no JSON or has no plan in it is refused', () => {
    expect(() => readEvent({ event: 'deployment_info', data: '{' })).toThrow(SyntaxError);
    expect(() => readEvent({ event: 'deployment_info', data: '{"plan":{"steps":"x"}}' })).toThrow();
    expect(() => readEvent({ event: 'api_post_event', data: '{}' })).toThrow();
  });
});
