/**
 * Gets the SHA-1 list of a blob, which only foreign clients need, from a member that holds the whole blob.
 * Decides whom to ask, how long to wait and whose answer counts. Does not keep what came.
 */
import { SHA1_BYTES } from '@shoal/wire';
import type { AgentMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import type { Swarm } from '../swarms/swarm.ts';

export interface Sha1Desk {
  /** n × 20 bytes. Who asks for the same blob meanwhile waits along. Throws NO_COMPLETE_MEMBER, NO_SHA1_ANSWER. */
  ask(swarm: Swarm): Promise<Buffer>;
  /** Ignored from whoever was not asked, or no longer. Throws BAD_MESSAGE: the session ends. */
  answered(session: AgentSession, message: AgentMessageOf<'sha1Hashes'>): void;
  /** The member left: another is asked. */
  lost(swarm: Swarm, peerId: string): void;
  /** The swarm is gone: there is nobody left to ask. */
  drop(swarm: Swarm): void;
}

/** A member reads the whole blob from its disk. */
const WAIT_MS = 10_000;
const READ_BYTES_PER_MS = 100_000;
/** Three such waits stay below what HTTP clients wait for an answer. */
export const MAX_WAIT_MS = 90_000;
const MAX_MEMBERS_ASKED = 3;

export const WHAT_TO_DO = 'order it onto a host that is online (POST /v1/jobs) and ask again when the job is done';

interface Question {
  swarm: Swarm;
  /** The member that is asked now is the last one. */
  asked: string[];
  cancelWait: () => void;
  resolve(hashes: Buffer): void;
  reject(error: TrackerError): void;
}

export function createSha1Desk(presence: Presence, clock: Clock): Sha1Desk {
  const questions = new Map<string, { question: Question; answer: Promise<Buffer> }>();

  const settle = ({ swarm, cancelWait }: Question) => {
    cancelWait();
    questions.delete(swarm.id);
  };
  const giveUp = (question: Question) => {
    settle(question);
    question.reject(unanswered(question));
  };
  const askNext = (question: Question) => {
    const { swarm, asked } = question;
    question.cancelWait();
    const next = asked.length < MAX_MEMBERS_ASKED ? candidate(question, presence) : undefined;
    if (next) {
      asked.push(next.peerId);
      question.cancelWait = clock.after(waitMs(swarm.size), () => askNext(question));
      next.send({ type: 'sha1', swarm: swarm.id });
    } else {
      giveUp(question);
    }
  };
  const questionTo = (swarmId: string, peerId: string) => {
    const question = questions.get(swarmId)?.question;
    return question?.asked.at(-1) === peerId ? question : undefined;
  };

  return {
    ask(swarm) {
      const running = questions.get(swarm.id);
      if (running) return running.answer;
      const question: Question = { swarm, asked: [], cancelWait: () => {}, resolve: () => {}, reject: () => {} };
      const answer = new Promise<Buffer>((resolve, reject) => Object.assign(question, { resolve, reject }));
      questions.set(swarm.id, { question, answer });
      askNext(question);
      return answer;
    },
    answered(session, message) {
      const question = questionTo(message.swarm, session.peerId);
      if (!question) return;
      const { digest, pieceCount } = question.swarm;
      const hashes = Buffer.from(message.hashes, 'base64');
      if (hashes.length === pieceCount * SHA1_BYTES) {
        settle(question);
        question.resolve(hashes);
      } else if (hashes.length === 0) {
        askNext(question); // it cannot
      } else {
        throw new TrackerError('BAD_MESSAGE', `sha1Hashes: these are not hashes of the pieces of ${digest}`);
      }
    },
    lost(swarm, peerId) {
      const question = questionTo(swarm.id, peerId);
      if (question) askNext(question);
    },
    drop(swarm) {
      const question = questions.get(swarm.id)?.question;
      if (question) giveUp(question);
    },
  };
}

/** A seeder first: it is no business host, and its word on a blob's hashes counts already. */
function candidate({ swarm, asked }: Question, presence: Presence): AgentSession | undefined {
  const sessions = [...swarm.members.values()]
    .filter(({ peerId, complete }) => complete && !asked.includes(peerId))
    .flatMap(({ peerId }) => presence.get(peerId) ?? []);
  return sessions.find(({ role }) => role === 'seeder') ?? sessions[0];
}

function unanswered({ swarm, asked }: Question): TrackerError {
  if (asked.length === 0) return new TrackerError('NO_COMPLETE_MEMBER', `${swarm.digest}: ${WHAT_TO_DO}`);
  return new TrackerError('NO_SHA1_ANSWER', `${swarm.digest}: asked ${asked.length} of them; ask again`);
}

function waitMs(sizeBytes: number): number {
  return Math.min(WAIT_MS + sizeBytes / READ_BYTES_PER_MS, MAX_WAIT_MS);
}
