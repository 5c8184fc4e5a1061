/*
 * Programs that do not come from npm: which are missing, and their installation when we are root on Debian.
 * Asks for commands, not packages: a docker-ce that is there already must not be replaced by docker.io.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** @typedef {{ command: string, package: string, isStatic?: boolean }} Program */

/** For node-gyp, when better-sqlite3 does not come prebuilt. @type {Program[]} */
export const BUILD_TOOLS = [
  { command: 'python3', package: 'python3' },
  { command: 'make', package: 'make' },
  { command: 'g++', package: 'g++' },
];

/** For the tests on real daemons. @type {Program[]} */
export const TEST_PROGRAMS = [
  { command: 'dockerd', package: 'docker.io' },
  // A package of its own from Debian 13 on; before, docker.io has it.
  { command: 'docker', package: 'docker-cli' },
  { command: 'docker-compose', package: 'docker-compose' },
  { command: 'containerd', package: 'containerd' },
  { command: 'docker-registry', package: 'docker-registry' },
  { command: 'skopeo', package: 'skopeo' },
  { command: 'podman', package: 'podman' },
  { command: 'aria2c', package: 'aria2' },
  { command: 'transmission-cli', package: 'transmission-cli' },
  // Runs alone in an image: must not need a loader.
  { command: 'busybox', package: 'busybox-static', isStatic: true },
  { command: 'ip', package: 'iproute2' },
  { command: 'systemd-analyze', package: 'systemd' },
  { command: 'prometheus', package: 'prometheus' },
  { command: 'chromium', package: 'chromium' },
  // What docs/ tells people to type.
  { command: 'curl', package: 'curl' },
];

const POLICY_FILE = '/usr/sbin/policy-rc.d';
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** @param {Program[]} programs */
export function missingOf(programs) {
  return programs.filter((program) => {
    const file = findCommand(program.command);
    return file === undefined || (program.isStatic === true && !isStaticProgram(file));
  });
}

/** Root on Debian or a descendant of it. */
export function canInstall() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/etc/os-release')) return false;
  const release = readFileSync('/etc/os-release', 'utf8');
  return /^ID(_LIKE)?=.*\bdebian\b/m.test(release) && findCommand('apt-get') !== undefined;
}

/**
 * Does what it can; who calls looks again at what is missing. No service is started by it.
 * @param {Program[]} programs
 */
export function installPackages(programs) {
  if (!apt('update')) return false;
  const known = programs.map((program) => program.package).filter(isKnownPackage);
  if (known.length === 0) return false;
  return withoutServices(() => apt('install', '--yes', '--no-install-recommends', ...known));
}

/** @param {string} command @returns {string | undefined} */
function findCommand(command) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  const names = process.platform === 'win32' ? [`${command}.exe`] : [command];
  return folders.flatMap((folder) => names.map((name) => path.join(folder, name))).find(isExecutable);
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A dynamic ELF program names its loader near the start. @param {string} file */
function isStaticProgram(file) {
  return !readFileSync(file).subarray(0, 4096).includes('/ld-');
}

/** @param {string[]} args */
function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', ['-q', ...args], { stdio: ['ignore', 2, 2], env }).status === 0;
}

/** @param {string} name */
function isKnownPackage(name) {
  return spawnSync('apt-cache', ['show', '--no-all-versions', name], { stdio: 'ignore' }).status === 0;
}

/**
 * policy-rc.d answering 101 forbids package scripts to start services. One that is there already is left alone.
 * @param {() => boolean} action
 */
function withoutServices(action) {
  if (existsSync(POLICY_FILE)) return action();
  const ignore = () => {};
  // An interrupt ends apt-get; we stay to remove the file.
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return action();
  } finally {
    rmSync(POLICY_FILE, { force: true });
    process.off('SIGINT', ignore).off('SIGTERM', ignore);
  }
}
