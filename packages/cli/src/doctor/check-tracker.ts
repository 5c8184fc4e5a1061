/** Whether the tracker answers, is trusted, takes this agent's token, and has the same time. */
import { type ErrorBody, SESSION_PATH } from '@shoal/tracker/client';
import { type Asked, ask } from './ask.ts';
import { type Finding, fault, ok } from './finding.ts';

export interface TrackerPlace {
  url: string;
  token: string;
  /** PEM. */
  ca: string | undefined;
}

/** Tickets expire by the host's own clock; a TLS certificate begins and ends by it. */
export const MOST_OFFSET_MS = 30_000;

/** `wallNow`: milliseconds since the epoch by this host's clock. */
export async function checkTracker({ url, token, ca }: TrackerPlace, wallNow: () => number): Promise<Finding[]> {
  try {
    const before = wallNow();
    const health = await ask(new URL('/healthz', url), { ca });
    const clock = judgeClock(health.dateMs, (before + wallNow()) / 2);
    if (health.status !== 200 || !health.body.includes('"ok"')) {
      const text = `${url} answers /healthz with ${health.status}, as no tracker does`;
      return [fault('tracker', text, 'Correct tracker.url in agent.yaml.')];
    }
    return [judgeToken(url, await ask(new URL(SESSION_PATH, url), { ca, token })), clock];
  } catch (error) {
    return [unreachable(url, error as NodeJS.ErrnoException)];
  }
}

/** Sessions begin as a WebSocket: to a plain GET a good token is let in, and then there is nothing to be had. */
function judgeToken(url: string, { status, body }: Asked): Finding {
  if (status === 401)
    return fault(
      'tracker',
      `${url} answers, but does not know the token`,
      'Make one on the tracker with "shoal token create --role agent --name NAME" and give it as tracker.tokenFile.',
    );
  if (status !== 403) return ok('tracker', `${url} answers, is trusted, and takes the token`);
  const next = 'Make one of the role agent or seeder; those of people are for "shoal prewarm" and the like.';
  return fault('tracker', `${url} answers, but the token is for something else: ${textOf(body)}`, next);
}

function textOf(body: string): string {
  try {
    return (JSON.parse(body) as ErrorBody).error.text;
  } catch {
    return 'it is forbidden';
  }
}

function unreachable(url: string, { code = '', message }: NodeJS.ErrnoException): Finding {
  const isHttps = url.startsWith('https:');
  const text = `${url} cannot be used: ${message || code}`;
  if (isHttps && /^EPROTO$|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code))
    return fault('tracker', text, 'It does not speak https: correct tracker.url in agent.yaml.');
  if (/ALTNAME/.test(code))
    return fault('tracker', text, 'Give tracker.url in agent.yaml a name that its certificate has.');
  if (/EXPIRED|NOT_YET_VALID/.test(code))
    return fault('tracker', text, "Renew the tracker's certificate, or set this host's clock.");
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return fault(
      'tracker',
      text,
      "Its certificate is not trusted: tracker.ca in agent.yaml names its authority's PEM.",
    );
  if (!isHttps && /^(ECONNRESET|HPE_.*)$/.test(code))
    return fault('tracker', text, 'It may speak https: correct tracker.url in agent.yaml.');
  return fault('tracker', text, 'See that the tracker runs and that no firewall is between; or correct tracker.url.');
}

/** `dateMs`: whole seconds, cut. */
export function judgeClock(dateMs: number, hostMs: number): Finding {
  if (Number.isNaN(dateMs)) return ok('clock', "not compared: the tracker's answer has no date");
  const offsetMs = hostMs - (dateMs + 500);
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  const text = `this host is ${seconds} s ${offsetMs < 0 ? 'behind' : 'ahead of'} the tracker`;
  if (Math.abs(offsetMs) <= MOST_OFFSET_MS) return ok('clock', seconds <= 1 ? 'as the tracker has it' : text);
  const next = 'Set both clocks by the same time service (chrony, systemd-timesyncd, w32time).';
  return fault('clock', `${text}, more than ${MOST_OFFSET_MS / 1000} s`, next);
}
