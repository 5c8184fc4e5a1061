/* Docker's registry and Engine, started for a bench, on loopback or in a namespace. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startChild } from '../harness/child.mjs';
import { inPlace } from '../netns/place.mjs';

const SERVICE = fileURLToPath(new URL('../programs/service.mjs', import.meta.url));
export const run = promisify(execFile);

/** @typedef {import('../netns/network.mjs').Place} Place */

/** @param {Place | undefined} place @param {{ command: string, args: string[], ready: string }} service */
async function startService(place, service) {
  // Not by `ip netns exec`, which hides the control groups that an engine needs.
  const args = [SERVICE, JSON.stringify(service)];
  const child =
    place === undefined
      ? startChild(process.execPath, args)
      : startChild('nsenter', [`--net=/var/run/netns/${place.namespace}`, process.execPath, ...args]);
  const { caught } = await child.next('ready');
  return { stop: child.stop, caught };
}

/** @param {string} folder @param {Place} [place] */
export async function startDockerRegistry(folder, place) {
  mkdirSync(folder, { recursive: true });
  const address = place?.address ?? '127.0.0.1';
  const config = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: path.join(folder, 'storage') } },
    http: { addr: `${address}:0` },
  };
  const file = path.join(folder, 'config.yml');
  writeFileSync(file, JSON.stringify(config));
  const ready = `listening on ${address.replaceAll('.', '\\.')}:(\\d+)`;
  const service = await startService(place, { command: 'docker-registry', args: ['serve', file], ready });
  return { host: `${address}:${service.caught}`, url: `http://${address}:${service.caught}`, stop: service.stop };
}

/** @param {string} layout @param {string} reference @param {Place} [place] */
export async function push(layout, reference, place) {
  const flags = ['--insecure-policy', 'copy', '--quiet', '--dest-tls-verify=false', '--preserve-digests'];
  await run(...spread(inPlace(place, 'skopeo', [...flags, `oci:${layout}`, `docker://${reference}`])));
}

/** @param {string} folder @param {Place} [place] it also takes images from registries in there without TLS */
export async function startEngine(folder, place) {
  mkdirSync(path.join(folder, 'cli'), { recursive: true });
  writeFileSync(path.join(folder, 'daemon.json'), JSON.stringify({ 'insecure-registries': ['10.0.0.0/8'] }));
  const address = `unix://${path.join(folder, 'docker.sock')}`;
  const at = (/** @type {string} */ name) => path.join(folder, name);
  const service = await startService(place, {
    command: 'dockerd',
    args: [
      ...['--config-file', at('daemon.json'), '--host', address, '--data-root', at('data'), '--exec-root', at('exec')],
      ...['--pidfile', at('pid'), '--bridge', 'none', '--iptables=false', '--ip6tables=false'],
    ],
    ready: 'API listen on ',
  });
  const env = { ...process.env, DOCKER_CONFIG: at('cli'), DOCKER_HOST: address, DOCKER_CONTEXT: '' };
  const docker = (/** @type {string[]} */ ...args) => run('docker', args, { env });
  /** @param {string} reference */
  const fetch = async (reference) => {
    const started = performance.now();
    await docker('pull', '--quiet', reference);
    return (performance.now() - started) / 1000;
  };
  return {
    address,
    stop: service.stop,
    /** Seconds that a pull takes. */
    fetch,
    /** @param {string} reference */
    remove: (reference) => docker('rmi', '--force', reference),
    /** Seconds that a pull takes; the image is taken away again. @param {string} reference */
    async pull(reference) {
      const seconds = await fetch(reference);
      await docker('rmi', '--force', reference);
      return seconds;
    },
  };
}

/** @param {[string, readonly string[]]} command @returns {[string, string[]]} */
function spread([command, args]) {
  return [command, [...args]];
}
