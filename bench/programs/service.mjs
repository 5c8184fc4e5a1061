/*
 * A daemon that is not ours, as a bench's child: it gets SIGTERM when the bench's stdin ends, and time to tidy up.
 * Argument: JSON { command, args, ready }: tells `ready`, with what it caught, when a line of its output matches.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { failed, obey, tell } from './line-protocol.mjs';

const { command, args, ready } = JSON.parse(process.argv[2] ?? '{}');
const wanted = new RegExp(ready);
const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
const ended = new Promise((resolve) => child.once('close', resolve));
let isReady = false;
let last = '';
for (const input of [child.stdout, child.stderr])
  createInterface({ input }).on('line', (line) => {
    last = line;
    const match = isReady ? null : wanted.exec(line);
    if (match === null) return;
    isReady = true;
    tell('ready', { caught: match[1] ?? '', pid: child.pid });
  });
child.once('error', failed);
void ended.then(() => failed(new Error(`${command} has ended: ${last}`)));
obey({}, async () => {
  child.kill('SIGTERM');
  await ended;
});
