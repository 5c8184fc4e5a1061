/*
 * The Debian package, by dpkg-deb alone: the tree under /usr/lib/shoal, the command, the settings as conffiles, the units.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const SCRIPTS = ['postinst', 'prerm', 'postrm'];

/**
 * @param {{ root: string, tree: string, work: string, version: string, file: string }} place `tree` as writeTree left it,
 *   `work` an empty folder
 * @throws when dpkg-deb is missing or refuses
 */
export function writeDeb({ root, tree, work, version, file }) {
  const folder = (name) => {
    const made = path.join(work, name);
    mkdirSync(made, { recursive: true, mode: 0o755 });
    return made;
  };
  cpSync(tree, folder('usr/lib/shoal'), { recursive: true });
  symlinkSync('../lib/shoal/bin/shoal', path.join(folder('usr/bin'), 'shoal'));
  for (const daemon of ['agent', 'tracker']) {
    const unit = `shoal-${daemon}.service`;
    cpSync(path.join(root, 'packaging/systemd', unit), path.join(folder('usr/lib/systemd/system'), unit));
    writeFileSync(path.join(folder('etc/shoal'), `${daemon}.yaml`), sample(root, daemon));
  }
  const control = folder('DEBIAN');
  const text = readFileSync(path.join(root, 'packaging/debian/control'), 'utf8');
  const sizes = { VERSION: version, INSTALLED_KIB: String(Math.ceil(bytesIn(work) / 1024)) };
  writeFileSync(
    path.join(control, 'control'),
    text.replace(/@(\w+)@/g, (_, name) => sizes[name]),
  );
  writeFileSync(path.join(control, 'conffiles'), '/etc/shoal/agent.yaml\n/etc/shoal/tracker.yaml\n');
  for (const script of SCRIPTS) {
    cpSync(path.join(root, 'packaging/debian', script), path.join(control, script));
    chmodSync(path.join(control, script), 0o755);
  }
  // gzip, so that every dpkg unpacks it; the runtime is most of it and hardly shrinks further.
  run('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', work, file]);
}

function sample(root, daemon) {
  return run(process.execPath, [path.join(root, 'packages/cli/bin/shoal.js'), 'config', daemon, '--sample']);
}

function bytesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}

function run(file, args) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args[0]}: ${error?.message ?? stderr}`);
  return stdout;
}
