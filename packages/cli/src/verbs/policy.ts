/** `shoal policy`: lints a bandwidth policy file, says what holds for a host, prints its schema; puts it in force. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  limitsOf,
  momentOf,
  nextChange,
  type Policy,
  type PolicyHost,
  parseRange,
  parseWallTime,
  policyJsonSchema,
  weekOf,
} from '@shoal/policy';
import { Command, InvalidArgumentError } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { printable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { describeLimits, type Explanation } from '../policy/describe-limits.ts';
import { applyCommand, historyCommand, rollbackCommand, showCommand } from '../policy/policy-verbs.ts';
import { readPolicy, readPolicyFile } from '../policy/read-policy.ts';
import { svgWeek } from '../policy/svg-week.ts';
import { describeWeek } from '../policy/week.ts';
import { parseSomeRate } from '../simulate/fleet-values.ts';

interface ExplainFlags {
  host: string;
  label: Record<string, string>;
  address?: string;
  link?: number;
  /** Wall time, see parseWallTime. */
  at?: number;
  week: boolean;
  svg?: string;
  json: boolean;
}

export function policyCommand(io: Io): Command {
  return new Command('policy')
    .description('lint and explain a bandwidth policy file, and put it in force')
    .addCommand(checkCommand(io))
    .addCommand(explainCommand(io))
    .addCommand(schemaCommand(io))
    .addCommand(applyCommand(io))
    .addCommand(showCommand(io))
    .addCommand(historyCommand(io))
    .addCommand(rollbackCommand(io));
}

function checkCommand(io: Io): Command {
  return new Command('check')
    .description('tell everything that is wrong with a policy file, with line and column')
    .argument('<file>', 'the policy, e.g. bandwidth.yaml')
    .option('--json', 'the result as one line of JSON', false)
    .action((file: string, { json }: { json: boolean }) => {
      const parsed = readPolicyFile(file, io.cwd);
      const faults = parsed.ok ? [] : parsed.faults;
      if (!parsed.ok) io.setExitCode(EXIT.failed);
      if (json) return io.stdout(`${JSON.stringify({ ok: parsed.ok, faults })}\n`);
      if (parsed.ok) return io.stdout(`${file}: right, ${countOf(parsed.policy.rules.length, 'rule')}\n`);
      for (const { at, key, text } of faults)
        io.stdout(`${printable(`${at}: ${key === '' ? '' : `${key} `}${text}`)}\n`);
      io.stderr(`shoal: ${countOf(faults.length, 'fault')}\n`);
    });
}

function explainCommand(io: Io): Command {
  return new Command('explain')
    .description('the limits that hold for a host at a moment, and which rule set each')
    .argument('<file>', 'the policy, e.g. bandwidth.yaml')
    .requiredOption('--host <name>', 'the name of the host')
    .option('--label <name=value>', 'a label of the host; may be given again', parseLabel, {})
    .option('--address <address>', 'the address of the host', parseAddress)
    .option('--link <rate>', 'what its link carries, e.g. 1Gbit/s; percentages are of it', parseLink)
    .option('--at <time>', 'on the clock of the policy, e.g. "2026-11-30 09:00"; default: now', parseAt)
    .option('--week', 'the week around that time as a table', false)
    .option('--svg <file>', 'also draw the week into an SVG file')
    .option('--json', 'the result as one line of JSON', false)
    .action((file: string, flags: ExplainFlags) => explain(readPolicy(file, io.cwd), flags, io));
}

function schemaCommand(io: Io): Command {
  return new Command('schema')
    .description('print the JSON Schema of policy files, for editors')
    .action(() => io.stdout(`${JSON.stringify(policyJsonSchema(), null, 2)}\n`));
}

async function explain(policy: Policy, flags: ExplainFlags, io: Io): Promise<void> {
  if (flags.svg !== undefined && !flags.week) throw new CliError('WRONG_USAGE', '--svg draws a week: give --week too.');
  const { host: name, label: labels, address, link: linkBytesPerSecond } = flags;
  const host: PolicyHost = { name, labels, address, linkBytesPerSecond };
  const atMs = flags.at === undefined ? Date.now() : momentOf(policy.timezone, flags.at);
  if (!flags.week) {
    const explanation = explanationOf(policy, host, atMs);
    return io.stdout(flags.json ? `${JSON.stringify(explanation)}\n` : describeLimits(explanation));
  }
  const week = weekOf(policy, host, atMs);
  if (flags.svg !== undefined) await write(resolve(io.cwd, flags.svg), svgWeek(week));
  io.stdout(flags.json ? `${JSON.stringify(week)}\n` : describeWeek(week));
}

function explanationOf(policy: Policy, host: PolicyHost, atMs: number): Explanation {
  const { host: limits, shared, yield: held, unknownLink } = limitsOf(policy, host, atMs);
  return {
    ...{ host: host.name, timezone: policy.timezone, atMs, linkBytesPerSecond: host.linkBytesPerSecond ?? null },
    ...{ limits, shared, yield: held ?? null, unknownLink },
    nextChangeMs: nextChange(policy, atMs) ?? null,
  };
}

async function write(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError('UNWRITABLE_FILE', `${file} cannot be written (${cause.code}). See that its folder exists.`, {
      cause,
    });
  });
}

function parseLabel(text: string, before: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('Write a label as name=value, such as env=prod.');
  return { ...before, [name]: value };
}

function parseLink(text: string): number {
  const rate = parseSomeRate(text);
  if (Number.isFinite(rate)) return rate;
  throw new InvalidArgumentError('A link has an end: write a rate such as "10 Gbit/s".');
}

function parseAddress(text: string): string {
  if (text.includes('/') || parseRange(text) === undefined)
    throw new InvalidArgumentError('Write an IPv4 or IPv6 address, such as 10.20.3.4.');
  return text;
}

function parseAt(text: string): number {
  const wallMs = parseWallTime(text);
  if (wallMs === undefined) throw new InvalidArgumentError('Write a date and a time, such as "2026-11-30 09:00".');
  return wallMs;
}

function countOf(count: number, what: string): string {
  return count === 1 ? `one ${what}` : `${count} ${what}s`;
}
