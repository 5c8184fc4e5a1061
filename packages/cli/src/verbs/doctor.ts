/** `shoal doctor`: looks over the host it runs on and says what to do. */
import { Command } from 'commander';
import { diagnose } from '../doctor/doctor.ts';
import { describeDiagnosis } from '../doctor/finding.ts';
import { EXIT } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { addLocalAgentOptions, type LocalAgentFlags } from '../people/local-agent.ts';

export function doctorCommand(io: Io): Command {
  const command = new Command('doctor').description(
    'check this host: settings, engine, registries, tracker, clock, ports, disk, limits, proxies; with the agent running or not; ends with 1 at a fault',
  );
  return addLocalAgentOptions(command).action(async ({ json, ...flags }: LocalAgentFlags & { json: boolean }) => {
    const diagnosis = await diagnose(flags, io);
    io.stdout(json ? `${JSON.stringify(diagnosis)}\n` : describeDiagnosis(diagnosis));
    if (diagnosis.faults > 0) io.setExitCode(EXIT.failed);
  });
}
