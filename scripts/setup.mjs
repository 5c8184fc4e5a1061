/*
 * Makes a clone ready to run: checks Node, installs dependencies when they are not those of the lock file, builds.
 * `--debian` also sees to the Debian packages that the tests on real daemons need.
 * Plain Node without dependencies: it runs before there are any. Progress goes to stderr; stdout belongs to what follows.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD_TOOLS, canInstall, installPackages, missingOf, TEST_PROGRAMS } from './debian.mjs';
import { isInstalled, isSupportedNode, REQUIRED_NODE } from './rules.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** @param {string} line */
function say(line) {
  process.stderr.write(`shoal setup: ${line}\n`);
}

/** @param {string[]} lines @returns {never} */
function refuse(...lines) {
  for (const line of lines) say(line);
  process.exit(1);
}

/** Runs a program with its output on stderr; true when it ended well. */
function run(file, args, env = process.env) {
  return spawnSync(file, args, { cwd: ROOT, stdio: ['ignore', 2, 2], env }).status === 0;
}

/** The npm that started us, else the one beside this Node or in the path. */
function npm(...args) {
  const env = { ...process.env };
  // Headers beside this Node: node-gyp then downloads none. An own setting wins.
  const prefix = path.dirname(path.dirname(process.execPath));
  if (existsSync(path.join(prefix, 'include/node/node.h'))) env.npm_config_nodedir ??= prefix;
  const script = process.env.npm_execpath;
  if (script?.endsWith('npm-cli.js')) return run(process.execPath, [script, ...args], env);
  if (process.platform === 'win32') return run('cmd.exe', ['/d', '/s', '/c', 'npm.cmd', ...args], env);
  return run('npm', args, env);
}

function checkNode() {
  if (isSupportedNode(process.versions.node)) return;
  refuse(
    `Shoal needs Node ${REQUIRED_NODE} or newer; this is ${process.version} (${process.execPath}).`,
    'Install Node 24, or the newest 20 on hosts that need it: https://nodejs.org/en/download',
  );
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
  } catch {
    return undefined;
  }
}

function needsInstall() {
  const lock = readJson('package-lock.json');
  if (lock === undefined) refuse('package-lock.json is missing or damaged: restore it with git checkout.');
  return !isInstalled(lock, readJson('node_modules/.package-lock.json'));
}

/** The one native dependency; built for another Node it does not load. */
function sqliteLoads() {
  try {
    const Database = createRequire(path.join(ROOT, 'packages/tracker/package.json'))('better-sqlite3');
    new Database(':memory:').close();
    return true;
  } catch {
    return false;
  }
}

function ensureBuildTools() {
  const missing = missingOf(BUILD_TOOLS);
  if (missing.length === 0 || process.platform === 'win32') return;
  if (canInstall()) {
    say(`installing build tools: ${missing.map((tool) => tool.package).join(' ')}`);
    installPackages(missing);
  } else {
    say(`without ${missing.map((tool) => tool.command).join(', ')}: better-sqlite3 must come prebuilt`);
  }
}

function installDependencies() {
  const install = needsInstall();
  if (!install && sqliteLoads()) return;
  ensureBuildTools();
  say(install ? 'installing dependencies (npm ci, about a minute)' : 'rebuilding better-sqlite3 for this Node');
  const done = install ? npm('ci', '--include=dev') : npm('rebuild', 'better-sqlite3');
  if (done && sqliteLoads()) return;
  const missing = missingOf(BUILD_TOOLS).map((tool) => tool.command);
  refuse(
    `npm ${install ? 'ci' : 'rebuild better-sqlite3'} failed, see above.`,
    missing.length > 0
      ? `better-sqlite3 is compiled here when it does not come prebuilt, and ${missing.join(', ')} is missing.`
      : 'Check that the npm registry can be reached, then run this again.',
  );
}

function build() {
  say('building (tsc -b)');
  const started = performance.now();
  if (!run(process.execPath, ['node_modules/typescript/bin/tsc', '-b'])) refuse('the build failed, see above.');
  say(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function ensureTestPrograms() {
  const wanted = missingOf(TEST_PROGRAMS);
  if (wanted.length === 0) return;
  if (canInstall()) {
    say(`installing Debian packages for the tests: ${wanted.map((program) => program.package).join(' ')}`);
    installPackages(wanted);
  }
  const missing = missingOf(TEST_PROGRAMS).map((program) => `${program.command} (${program.package})`);
  if (missing.length === 0) return;
  const names = missing.join(', ');
  if (process.env.CI === 'true') refuse(`missing: ${names}. With CI=true no test may be skipped.`);
  say(`missing: ${names}; the tests that need them are skipped.`);
}

checkNode();
installDependencies();
build();
if (process.argv.includes('--debian')) ensureTestPrograms();
