/**
 * The agents of a Mesos master, from its answer to GET /master/slaves. Pure.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { TrackerError } from '../errors.ts';
import type { Place } from './constraints.ts';

export interface MesosAgent {
  place: Place;
  /** The IP in its `pid`. */
  address?: string;
}

const name = z.object({ name: z.string() });
const agentSchema = z.object({
  hostname: z.string().min(1).max(1024),
  pid: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
  active: z.boolean().optional(),
  deactivated: z.boolean().optional(),
  domain: z
    .object({ fault_domain: z.object({ region: name.optional(), zone: name.optional() }).optional() })
    .optional(),
});
const answerSchema = z.object({ slaves: z.array(z.unknown()) });

/**
 * Those that may get tasks: active and not deactivated. One that cannot be read is left out.
 * Throws TrackerError MESOS_UNREACHABLE.
 */
export function readMesosAgents(answer: unknown): MesosAgent[] {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success)
    throw new TrackerError(
      'MESOS_UNREACHABLE',
      'its answer has no list "slaves"; mesos: must be the address of a master',
    );
  return parsed.data.slaves.flatMap((one) => {
    const { success, data } = agentSchema.safeParse(one);
    return success && data.active !== false && data.deactivated !== true ? [agentOf(data)] : [];
  });
}

function agentOf({ hostname, pid, attributes = {}, domain }: z.infer<typeof agentSchema>): MesosAgent {
  const { region, zone } = domain?.fault_domain ?? {};
  const usable = Object.entries(attributes).filter(
    (entry): entry is [string, string | number] => typeof entry[1] === 'string' || typeof entry[1] === 'number',
  );
  return {
    place: { hostname, region: region?.name, zone: zone?.name, attributes: Object.fromEntries(usable) },
    address: addressIn(pid),
  };
}

/** `slave(1)@10.0.3.17:5051`, `slave(1)@[fd00::1]:5051`. */
function addressIn(pid: string | undefined): string | undefined {
  const [, address = ''] = /@\[?([^\]]*)\]?:\d+$/.exec(pid ?? '') ?? [];
  return isIP(address) === 0 ? undefined : address;
}
