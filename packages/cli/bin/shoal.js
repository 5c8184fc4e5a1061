#!/usr/bin/env node
/* The installed command. Everything is in dist/, which `npm run build` makes. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) await import(main.href);
else {
  process.stderr.write('shoal: this checkout is not built yet. Run "npm run build" in its root, then try again.\n');
  process.exitCode = 1;
}
