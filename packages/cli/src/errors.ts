/**
 * The one table of the command's own errors and the one class that carries them; and how any error is told to people
 * and to programs. Decides exit codes and what to do next. Does not print.
 */
import { REGISTRY_ERRORS, RegistryError } from '@shoal/registry';
import { ERRORS as TRACKER_ERRORS, TrackerApiError } from '@shoal/tracker/client';

export const EXIT = { done: 0, failed: 1, wrongUsage: 2 } as const;

export const CLI_ERRORS = {
  WRONG_USAGE: { text: 'this is not how the command is used', exitCode: EXIT.wrongUsage, retryable: false },
  BAD_CONFIG: { text: 'the settings are refused', exitCode: EXIT.wrongUsage, retryable: false },
  NO_TOKEN: { text: 'no token for the tracker', exitCode: EXIT.wrongUsage, retryable: false },
  UNREADABLE_FILE: { text: 'a file cannot be read', exitCode: EXIT.failed, retryable: false },
  UNWRITABLE_FILE: { text: 'a file cannot be written', exitCode: EXIT.failed, retryable: false },
  BAD_HOST_FILE: { text: 'a file of the host cannot be understood', exitCode: EXIT.failed, retryable: false },
  SETUP_CONFLICT: { text: 'a file of the host says otherwise', exitCode: EXIT.failed, retryable: false },
  NO_PROXY_CA: { text: "the proxy's authority is not there yet", exitCode: EXIT.failed, retryable: false },
  NO_TRACKER_DATA: { text: "there is no tracker's data", exitCode: EXIT.failed, retryable: false },
  UNKNOWN_HOST: { text: 'no host has this name', exitCode: EXIT.failed, retryable: false },
  UNKNOWN_TOKEN: { text: 'no token has this id', exitCode: EXIT.failed, retryable: false },
  NO_SPACE: { text: 'the disk is too small', exitCode: EXIT.failed, retryable: false },
  CANNOT_START: { text: 'the daemon cannot start here', exitCode: EXIT.failed, retryable: false },
  PORT_IN_USE: { text: 'the port is taken', exitCode: EXIT.failed, retryable: false },
  AGENT_UNREACHABLE: { text: 'the agent of this host does not answer', exitCode: EXIT.failed, retryable: true },
  AGENT_REFUSED: { text: 'the agent of this host refuses', exitCode: EXIT.failed, retryable: false },
  INTERRUPTED: { text: 'stopped by you', exitCode: EXIT.failed, retryable: false },
  FAILED: { text: 'something unexpected went wrong', exitCode: EXIT.failed, retryable: false },
} as const;

export type CliErrorCode = keyof typeof CLI_ERRORS;

export class CliError extends Error {
  readonly code: CliErrorCode;
  readonly exitCode: number;
  readonly retryable: boolean;

  /** `message` says what failed and what to do next. */
  constructor(code: CliErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'CliError';
    this.code = code;
    this.exitCode = CLI_ERRORS[code].exitCode;
    this.retryable = CLI_ERRORS[code].retryable;
  }
}

/** Whose words they are. */
export type ErrorSource = 'shoal' | 'tracker' | 'registry';

export interface ToldError {
  code: string;
  text: string;
  retryable: boolean;
  source: ErrorSource;
  exitCode: number;
}

/** What to do about the errors whose own text does not say it. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'Give a token of this tracker with --token-file or SHOAL_TOKEN; "shoal token create" makes one.',
  FORBIDDEN: 'Use a token of the role admin.',
  UNKNOWN_JOB: '"shoal jobs" lists the jobs there are.',
  UNKNOWN_TOKEN: '"shoal token list" lists the tokens there are.',
  NO_HOSTS: '"shoal hosts" lists the hosts the tracker knows; start an agent on those you miss.',
  JOB_ENDED: '"shoal job ID" shows how it ended.',
  NEWER_DATABASE:
    'Start a tracker of that version or newer, or bring the backup from before the upgrade back: "shoal restore".',
  NO_DATABASE: "Give the tracker's --data-dir or --config.",
  REFUSED:
    'Make a join token on the tracker with "shoal token create --role agent --name NAME" and give it as SHOAL_TRACKER_TOKEN or tracker.tokenFile.',
  STORE_BUSY: 'Stop the other agent, or give this one a dataDir of its own.',
};

export function tellError(error: unknown): ToldError {
  if (error instanceof CliError)
    return {
      code: error.code,
      text: error.message,
      retryable: error.retryable,
      source: 'shoal',
      exitCode: error.exitCode,
    };
  const { code, retryable, message } = describe(error);
  const source = sourceOf(error);
  const next = source === 'registry' ? undefined : (NEXT_STEPS[code] ?? certificateStep(error));
  return {
    code,
    text: next === undefined ? message : `${sentence(message)} ${next}`,
    retryable,
    source,
    exitCode: EXIT.failed,
  };
}

/** Every error class of Shoal has `code` and most have `retryable`; system errors have a `code` of their own. */
function describe(error: unknown): { code: string; retryable: boolean; message: string } {
  if (!(error instanceof Error)) return { code: 'FAILED', retryable: false, message: String(error) };
  const { code, retryable } = error as { code?: unknown; retryable?: unknown };
  return {
    code: typeof code === 'string' ? code : 'FAILED',
    retryable: retryable === true,
    message: error.message || String(code ?? error.name),
  };
}

function sourceOf(error: unknown): ErrorSource {
  if (error instanceof RegistryError) return 'registry';
  if (!(error instanceof TrackerApiError) || error.status === 0) return 'shoal';
  return isRegistryAnswer(error) ? 'registry' : 'tracker';
}

/** The tracker passes a registry's error on under its code; some codes exist on both sides, with another status. */
function isRegistryAnswer({ code, status }: TrackerApiError): boolean {
  if (code === 'BAD_ARCHIVE' || code === 'BAD_LAYOUT') return false; // a file on the tracker's own disk
  const registryRow = Object.entries(REGISTRY_ERRORS).find(([name]) => name === code)?.[1];
  const trackerRow = Object.entries(TRACKER_ERRORS).find(([name]) => name === code)?.[1];
  return registryRow?.httpStatus === status && trackerRow?.status !== status;
}

function certificateStep(error: unknown): string | undefined {
  const { code } = ((error as Error | undefined)?.cause ?? {}) as { code?: string };
  if (code === undefined || !/CERT|SIGNATURE|ISSUER/.test(code)) return undefined;
  return "Its certificate is not trusted: give the PEM of the tracker's authority with --ca or SHOAL_CA.";
}

function sentence(text: string): string {
  return /[.!?"]$/.test(text) ? text : `${text}.`;
}
