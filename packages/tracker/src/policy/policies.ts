/**
 * The bandwidth policy in force and its history. Decides whether a text is a policy; every agent hears of
 * a new one at once, and of the one in force when it comes.
 */
import { type Policy, parsePolicy } from '@shoal/policy';
import type { TrackerMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import type { PolicyRecord, PolicyStore } from '../store/policy-store.ts';

export interface Policies {
  /** The one in force. Throws TrackerError NO_POLICY. */
  current(): PolicyRecord;
  /** Throws TrackerError UNKNOWN_POLICY. */
  get(version: number): PolicyRecord;
  list(): Omit<PolicyRecord, 'text'>[];
  /** The text in force is not applied again. Throws TrackerError INVALID_POLICY with every fault. */
  apply(text: string, appliedBy: string): PolicyRecord;
  /** An old text as a new version. */
  rollback(version: number, appliedBy: string): PolicyRecord;
  opened(session: AgentSession): void;
  /** What holds now; undefined without a policy. */
  readonly inForce: Policy | undefined;
  /** 0 without one. */
  readonly versionInForce: number;
}

export interface PoliciesDeps {
  store: PolicyStore;
  presence: Presence;
  clock: Clock;
  /** Another policy is in force. */
  onChange(): void;
}

export const POLICY_FILE = 'bandwidth.yaml';

export function createPolicies({ store, presence, clock, onChange }: PoliciesDeps): Policies {
  let inForce = parsed(store.current());

  const get: Policies['get'] = (version) => {
    const record = store.get(version);
    if (record === undefined) throw new TrackerError('UNKNOWN_POLICY', `version ${version}`);
    return record;
  };

  const apply: Policies['apply'] = (text, appliedBy) => {
    const result = parsePolicy(text, POLICY_FILE);
    if (!result.ok) {
      const faults = result.faults.map((fault) => `${fault.at} ${fault.key} ${fault.text}`);
      throw new TrackerError('INVALID_POLICY', `\n${faults.join('\n')}`);
    }
    const before = store.current();
    if (before?.text === text) return before;
    const record = store.add({ text, appliedAtMs: clock.now(), appliedBy });
    inForce = result.policy;
    onChange();
    const message = JSON.stringify(messageOf(record));
    for (const session of presence.all()) session.sendText(message);
    return record;
  };

  return {
    get inForce() {
      return inForce;
    },
    get versionInForce() {
      return store.current()?.version ?? 0;
    },
    current() {
      const record = store.current();
      if (record === undefined) throw new TrackerError('NO_POLICY');
      return record;
    },
    get,
    list: () => store.list(),
    apply,
    rollback: (version, appliedBy) => apply(get(version).text, appliedBy),
    opened: (session) => session.send(messageOf(store.current())),
  };
}

function messageOf(record: PolicyRecord | undefined): TrackerMessageOf<'policy'> {
  return { type: 'policy', version: record?.version ?? 0, text: record?.text ?? '' };
}

function parsed(record: PolicyRecord | undefined): Policy | undefined {
  if (record === undefined) return undefined;
  const result = parsePolicy(record.text, POLICY_FILE);
  return result.ok ? result.policy : undefined;
}
