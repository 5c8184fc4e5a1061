/** `shoal stop`: ends the agent of this host in order, also where there is no SIGTERM. */
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { addLocalAgentOptions, type LocalAgentFlags, openLocalAgent } from '../people/local-agent.ts';

type Flags = LocalAgentFlags & { json: boolean };

const ASK_AGAIN_MS = 250;
const MOST_ASKS = 240;

export function stopCommand(io: Io): Command {
  const command = new Command('stop').description(
    'stop the agent of this host over its control API; returns when it has',
  );
  return addLocalAgentOptions(command).action(async ({ json, ...flags }: Flags) => {
    const stopped = await stopAgent(flags, io);
    io.stdout(json ? `${JSON.stringify({ stopped })}\n` : `${stopped ? 'stopped' : 'no agent runs here'}\n`);
  });
}

/** False when there was none to stop. */
async function stopAgent(flags: LocalAgentFlags, io: Io): Promise<boolean> {
  const { ask } = openLocalAgent(flags, io);
  const asked = await ask('POST', '/v1/stop').then(() => true, whenGone(false));
  if (!asked) return false;
  const { signal } = new AbortController();
  for (let asks = 0; asks < MOST_ASKS; asks++) {
    if (!(await ask('GET', '/v1/status').then(() => true, whenGone(false)))) return true;
    await io.delay(ASK_AGAIN_MS, signal);
  }
  const seconds = (MOST_ASKS * ASK_AGAIN_MS) / 1000;
  throw new CliError('FAILED', `the agent still answers after ${seconds} s; see its log, then end its process.`);
}

/** Nobody listens any more, or what listens is on its way out. */
function whenGone<T>(value: T): (error: unknown) => T {
  return (error) => {
    const cause = error instanceof CliError ? (error.cause as Error | undefined) : undefined;
    const code = (cause?.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
    if (/^(ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/.test(code)) return value;
    throw error;
  };
}
