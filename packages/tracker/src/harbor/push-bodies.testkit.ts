/** Bodies as Harbor and registries send them, from reference/external-contracts.md, A2. */

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

export interface BodyOptions {
  repository?: string;
  /** Null: pushed by digest. */
  tag?: string | null;
  digest?: string;
  registry?: string;
  type?: string;
}

export const DIGEST = `sha256:${'d'.repeat(64)}`;

/** `event_data` of both formats; by digest Harbor says the digest for the tag. */
function eventData({ repository = 'win/app', tag = '1', digest = DIGEST, registry = 'harbor.test' }: BodyOptions) {
  const [namespace = '', name = ''] = repository.split('/');
  const url = `${registry}/${repository}${tag === null ? `@${digest}` : `:${tag}`}`;
  return {
    resources: [{ digest, tag: tag ?? digest, resource_url: url }],
    repository: { date_created: 1677053165, name, namespace, repo_full_name: repository, repo_type: 'private' },
  };
}

export function harborDefault({ type = 'PUSH_ARTIFACT', ...of }: BodyOptions = {}) {
  return { type, occur_at: 1763805600, operator: 'admin', event_data: eventData(of) };
}

export function harborCloudEvent({ type = 'harbor.artifact.pushed', ...of }: BodyOptions = {}) {
  return {
    ...{ specversion: '1.0', id: '5a2f7a3e-0f5c-4b8a-9d0e-3f1f5f1d3a10', requestid: 'r1' },
    ...{ source: '/projects/1/webhook/policies/3', type, datacontenttype: 'application/json' },
    ...{ time: '2026-11-22T10:00:00Z', operator: 'admin', data: eventData(of) },
  };
}

export function notification({
  repository = 'win/app',
  tag = '1',
  digest = DIGEST,
  registry = 'harbor.test',
  action = 'push',
  mediaType = MANIFEST,
}: BodyOptions & { action?: string; mediaType?: string } = {}) {
  return {
    ...{ id: '320678d8-ca14-430f-8bb6-4ca139cd83f7', timestamp: '2026-11-22T10:00:00.123Z', action },
    target: {
      ...{ mediaType, digest, size: 708, length: 708, repository },
      url: `http://${registry}/v2/${repository}/manifests/${digest}`,
      ...(tag === null ? {} : { tag }),
    },
    request: { id: 'r1', addr: '192.168.64.11:42961', host: registry, method: 'PUT', useragent: 'docker/20.10' },
    ...{ actor: { name: 'admin' }, source: { addr: 'host:5000', instanceID: 'i1' } },
  };
}
