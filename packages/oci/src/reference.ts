/**
 * Image references as people write them, in the grammar of distribution/reference with Docker
 * Hub's defaults, and the names the engine shows for them. Does not decide where a registry is
 * reached: `docker.io` is a name here, not a host.
 */
import type { Digest } from './digest.ts';
import { isDigest } from './digest.ts';
import { OciError, quoted } from './errors.ts';

export interface Reference {
  /** Host with optional port; Docker Hub is always `docker.io`. */
  registry: string;
  /** Path in the registry; Docker Hub's official images have their `library/`. */
  repository: string;
  tag?: string;
  digest?: Digest;
}

const DOCKER_HUB = 'docker.io';
const OFFICIAL = 'library/';
const DEFAULT_TAG = 'latest';
/** distribution/reference: RepositoryNameTotalLengthMax. */
const MAX_REPOSITORY_LENGTH = 255;
const MAX_TEXT_LENGTH = 1024;

const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const REGISTRY = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:]+\\])(?::([0-9]+))?$`);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

/** Without tag and digest the tag is `latest`. @throws OciError INVALID_REFERENCE */
export function parseReference(text: string): Reference {
  refuseWhatIsNoReference(text);
  const { name, tag, digest } = splitText(text);
  const { registry, repository } = splitName(text, name);
  checkRegistry(text, registry);
  checkRepository(text, repository);
  if (tag !== undefined && !isTag(tag)) {
    throw invalid(text, `the tag ${quoted(tag)} may have letters, digits, "_", "." and "-", at most 128 of them`);
  }
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(text, `after "@" a digest is expected: sha256: and 64 lower-case hex digits`);
  }
  if (tag === undefined && digest === undefined) return { registry, repository, tag: DEFAULT_TAG };
  return { registry, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The full canonical form: `docker.io/library/nginx:latest`, `…@sha256:…`, or both. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/**
 * The RepoTag the Docker Engine shows (distribution/reference: FamiliarString): Docker Hub's
 * `docker.io/` and `library/` fall away. The tag wins over the digest, which a RepoTag cannot hold.
 */
export function engineName(reference: Reference): string {
  const suffix = reference.tag === undefined ? `@${reference.digest}` : `:${reference.tag}`;
  return `${familiarName(reference)}${suffix}`;
}

function familiarName({ registry, repository }: Reference): string {
  if (registry !== DOCKER_HUB) return `${registry}/${repository}`;
  const official = repository.startsWith(OFFICIAL) ? repository.slice(OFFICIAL.length) : '';
  return official !== '' && !official.includes('/') ? official : repository;
}

/** Whether it is a repository's name in a registry's API: `library/nginx`, without a host. */
export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY_LENGTH && text.split('/').every((component) => PATH_COMPONENT.test(component));
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

function refuseWhatIsNoReference(text: string): void {
  if (text === '') throw new OciError('INVALID_REFERENCE', 'an image reference is empty');
  if (text.length > MAX_TEXT_LENGTH) throw invalid(text, `it is longer than ${MAX_TEXT_LENGTH} characters`);
  if (/\s/.test(text)) throw invalid(text, 'it has white space in it');
  if (/^[a-z]+:\/\//i.test(text)) throw invalid(text, 'a reference has no scheme; leave the part up to "://" out');
  // distribution/reference refuses these too: the engine would take them for an image ID.
  if (/^[0-9a-f]{64}$/.test(text)) throw invalid(text, 'it is an image ID, not the name of an image in a registry');
}

function splitText(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf('@');
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  if (colon < 0) return { name: beforeDigest, digest };
  return { name: beforeDigest.slice(0, colon), tag: beforeDigest.slice(colon + 1), digest };
}

/** distribution/reference, splitDockerDomain: the first component is a host if it looks like one. */
function splitName(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  if (!looksLikeHost(first)) {
    if (first !== first.toLowerCase()) {
      throw invalid(
        text,
        `the repository must be lower case (if ${quoted(first)} is a registry, write it with its domain or port)`,
      );
    }
    return onDockerHub(name);
  }
  const repository = name.slice(slash + 1);
  if (first === DOCKER_HUB || first === 'index.docker.io') return onDockerHub(repository);
  return { registry: first, repository };
}

function looksLikeHost(component: string): boolean {
  return component === 'localhost' || /[.:[]/.test(component);
}

function onDockerHub(repository: string): { registry: string; repository: string } {
  return { registry: DOCKER_HUB, repository: repository.includes('/') ? repository : OFFICIAL + repository };
}

function checkRegistry(text: string, registry: string): void {
  const match = REGISTRY.exec(registry);
  if (match === null)
    throw invalid(
      text,
      `${quoted(registry)} is not a registry host (a name, an IPv4 address or an IPv6 address in brackets, then maybe ":port")`,
    );
  const port = match[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535))
    throw invalid(text, `the port ${quoted(port)} is not between 1 and 65535`);
}

function checkRepository(text: string, repository: string): void {
  if (repository === '' || repository === OFFICIAL) throw invalid(text, 'the name of the repository is missing');
  if (repository !== repository.toLowerCase()) throw invalid(text, 'the repository must be lower case');
  if (repository.length > MAX_REPOSITORY_LENGTH)
    throw invalid(text, `the repository is longer than ${MAX_REPOSITORY_LENGTH} characters`);
  const bad = repository.split('/').find((component) => !PATH_COMPONENT.test(component));
  if (bad !== undefined) {
    throw invalid(
      text,
      `${quoted(bad)} cannot be a part of the repository: expected letters and digits with single ".", "_", "__" or "-" between them`,
    );
  }
}

function invalid(text: string, reason: string): OciError {
  return new OciError('INVALID_REFERENCE', `${quoted(text)} is not an image reference: ${reason}`);
}
