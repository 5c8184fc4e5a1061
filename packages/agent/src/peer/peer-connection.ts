/**
 * One TCP connection to a peer: admission first, then messages to its swarm and blocks from it.
 * Closes with a named reason at the first thing that is wrong. Decides nothing about pieces.
 */
import type { Socket } from 'node:net';
import type { TrafficClass } from '@shoal/swarm';
import {
  createDecoder,
  EXTENDED_HANDSHAKE_ID,
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMessage,
  type HandshakeEvent,
  MAX_BLOCK_BYTES,
  MIN_BLOCK_BYTES,
  PIECE_HEADER_BYTES,
  type WireEvent,
  type WireMessage,
} from '@shoal/wire';
import { Admission, type AdmissionOptions, type AdmittedPeer, type SwarmCredentials } from './admission.ts';
import { MAX_QUEUED_BLOCKS } from './upload-scheduler.ts';

/** Foreign clients of one host count as one peer. */
export function foreignPeerId(host: string): string {
  return `foreign ${host}`;
}

/** The swarm's side of its connections. */
export interface LinkHandler extends SwarmCredentials {
  readonly pieceCount: number;
  readonly trafficClass?: TrafficClass;
  /** Links it waits for are still needed. */
  readonly wantsLinks?: boolean;
  onOpen(connection: PeerConnection): void;
  onEvent(connection: PeerConnection, event: WireEvent): void;
  /** Where the rest of the block that is coming in belongs; undefined when nobody waits for it. */
  blockTarget(connection: PeerConnection): Uint8Array | undefined;
  /** So many bytes of the block went straight into the target asked for before. */
  onBlockBytes(connection: PeerConnection, bytes: number, last: boolean): void;
  onClosed(connection: PeerConnection): void;
}

export interface ConnectionOptions extends Omit<AdmissionOptions, 'findSwarm'> {
  socket: Socket;
  findHandler(swarmId: string): LinkHandler | undefined;
  /** The swarm of a foreign client's info hash, if that host may have it. */
  findForeign(infoHash: string, remoteHost: string): LinkHandler | undefined;
  /** False: the agent has connections enough. */
  hasRoom(connection: PeerConnection, handler: LinkHandler): boolean;
  /** Also called when the peer was never admitted. */
  onEnd(connection: PeerConnection, reason: string): void;
}

const ADMISSION_MS = 10_000;
/** A peer may hear of a swarm a moment before the agent it dials has opened it. */
const OPENING_MS = 2000;
/** A bitfield of 400,000 pieces, or an extended handshake with its ticket. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** More than this waiting in the socket: the peer reads too slowly to be sent more. */
const SEND_BUFFER_BYTES = 1024 * 1024;

/** Told to foreign clients, which may keep ten seconds of requests waiting otherwise: half of what closes them. */
const FOREIGN_REQUESTS = MAX_QUEUED_BLOCKS / 2;

/** Read before a block: its header alone, so that the payload can go straight where it belongs. */
const HEADER = Buffer.allocUnsafeSlow(PIECE_HEADER_BYTES);
/** Everything else. One for all connections: a read and its callback are one step. */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);

let connectionCount = 0;

export class PeerConnection {
  readonly id = ++connectionCount;
  readonly direction: 'out' | 'in';
  peer: AdmittedPeer | undefined;
  /** What the peer's requests are for, as it said last. */
  peerClass: TrafficClass = 'prewarm';
  /** The peer stands in another zone. */
  isRemote = false;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #admission: Admission;
  readonly #decoder;
  #timer: NodeJS.Timeout | undefined;
  #handler: LinkHandler | undefined;
  /** What a peer has said whose swarm is not open here, from its handshake on. */
  #early: readonly WireEvent[] = [];
  #foreignInfoHash: string | undefined;
  /** A foreign client has been admitted and has not said anything since. */
  #awaitsFirstWord = false;
  /** Piece memory that the next read goes to; undefined: `HEADER` or `SCRATCH`. */
  #target: Uint8Array | undefined;
  /** A block has begun to go out. */
  #isInRun = false;
  /** What is said meanwhile. */
  readonly #held: WireMessage[] = [];
  #ended = false;

  constructor(options: ConnectionOptions) {
    this.direction = options.direction;
    this.#options = options;
    this.#socket = options.socket;
    this.#decoder = createDecoder({
      pieceCount: (swarmId) => this.#findHandler(swarmId)?.pieceCount,
      maxBlockBytes: MAX_BLOCK_BYTES,
      maxMessageBytes: MAX_MESSAGE_BYTES,
    });
    this.#admission = new Admission({ ...options, findSwarm: (swarmId) => this.#findHandler(swarmId) });
    this.#closeIn(ADMISSION_MS, 'admission took too long');
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', (error) => this.close(`connection: ${(error as NodeJS.ErrnoException).code ?? error.message}`));
    socket.on('close', () => this.close('closed by the peer'));
  }

  /** Dialling side: says the first word. */
  open(handler: LinkHandler): void {
    this.#handler = handler;
    this.#socket.write(this.#admission.open(handler));
  }

  /** Dialling a foreign client, which knows no tickets. */
  openForeign(handler: LinkHandler, infoHash: string): void {
    this.#handler = handler;
    this.#foreignInfoHash = infoHash;
    this.#socket.write(encodeHandshake({ infoHash, peerId: this.#options.identity.peerId }));
  }

  /** For a socket that reads into our memory (`onread`): where to. */
  nextBuffer(): Uint8Array {
    this.#target = this.#decoder.blockRemaining > 0 ? this.#handler?.blockTarget(this) : undefined;
    if (this.#target !== undefined) return this.#target;
    return this.peer === undefined || this.#decoder.blockRemaining > 0 ? SCRATCH : HEADER;
  }

  /** What was read into the buffer given last. */
  bytesRead(bytes: number, buffer: Uint8Array): void {
    if (this.#ended) return;
    if (this.#target === undefined) return this.#received(buffer.subarray(0, bytes));
    const { last } = this.#decoder.passed(bytes);
    this.#handler?.onBlockBytes(this, bytes, last);
  }

  /** Its swarm, once that is known. */
  get handler(): LinkHandler | undefined {
    return this.#handler;
  }

  /** The address of the other side; IPv4 as such, however the socket was opened. */
  get remoteHost(): string {
    return (this.#socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  }

  send(...messages: readonly WireMessage[]): void {
    if (this.#ended || messages.length === 0) return;
    if (this.#isInRun) return void this.#held.push(...messages);
    this.#socket.cork();
    for (const message of messages) this.#socket.write(encodeMessage(message));
    this.#socket.uncork();
  }

  /** False while the peer has not read what it was sent before. */
  get canSendBlock(): boolean {
    return !this.#ended && this.#socket.writableLength < SEND_BUFFER_BYTES;
  }

  onceDrained(then: () => void): void {
    this.#socket.once('drain', then);
  }

  /**
   * Part of a run of blocks; until its last one nothing else goes out. `done`: the memory may be used again.
   * False when the connection has ended meanwhile.
   */
  sendPart(part: Buffer, isLast: boolean, done: () => void): boolean {
    if (this.#ended) {
      done();
      return false;
    }
    this.#socket.write(part, done);
    this.#isInRun = !isLast;
    if (isLast) this.send(...this.#held.splice(0));
    return true;
  }

  close(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    if (this.peer !== undefined) this.#handler?.onClosed(this);
    this.#options.onEnd(this, reason);
  }

  #findHandler(swarmId: string): LinkHandler | undefined {
    if (this.direction === 'out') return this.#handler;
    const { findHandler, findForeign } = this.#options;
    this.#handler = findHandler(swarmId);
    if (this.#handler === undefined) {
      this.#handler = findForeign(swarmId, this.remoteHost);
      this.#foreignInfoHash = this.#handler && swarmId;
    }
    return this.#handler;
  }

  #received(chunk: Uint8Array): void {
    this.#take(this.#decoder.push(chunk));
  }

  #take(events: readonly WireEvent[]): void {
    for (const event of events) {
      if (this.#ended) return;
      if (event.type === 'violation') return this.close(event.reason);
      if (event.type === 'handshake' && this.#handler === undefined) return this.#wait(events); // it is the first
      if (this.peer === undefined) this.#admit(event);
      else this.#pass(event);
    }
  }

  #wait(events: readonly WireEvent[]): void {
    this.#early = events;
    this.#socket.pause();
    this.#closeIn(OPENING_MS, 'swarm not known here');
  }

  /** Swarms or their torrents have become known: a peer of theirs that came too early goes on. */
  lookAgain(): void {
    const [first] = this.#early;
    const handler = first?.type === 'handshake' ? this.#findHandler(first.infoHash) : undefined;
    if (this.#ended || handler === undefined) return;
    this.#closeIn(ADMISSION_MS, 'admission took too long');
    this.#decoder.setLimits({ pieceCount: handler.pieceCount });
    const events = this.#early;
    this.#early = [];
    this.#take(events);
    this.#socket.resume();
  }

  #closeIn(ms: number, reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(reason), ms);
  }

  /**
   * Transmission 3.00 looks at what came in one read with our handshake (what we hold) only when more comes, and would
   * wait for ever: its first message shows that it is past the handshake, and is answered.
   */
  #pass(event: WireEvent): void {
    if (this.#awaitsFirstWord) this.send({ type: 'keepAlive' });
    this.#awaitsFirstWord = false;
    if (event.type !== 'keepAlive') this.#handler?.onEvent(this, event);
  }

  #admit(event: WireEvent): void {
    if (event.type === 'handshake' && this.#foreignInfoHash !== undefined) return this.#admitForeign(event);
    const step = this.#admission.handle(event);
    for (const bytes of step.send) this.#socket.write(bytes);
    if (step.refused !== undefined) return this.close(step.refused);
    if (step.admitted !== undefined) this.#admitted(step.admitted);
  }

  #admitForeign({ infoHash, fast, extensions }: HandshakeEvent): void {
    const { identity, version } = this.#options;
    if (infoHash !== this.#foreignInfoHash) return this.close('another peer answered');
    if (this.direction === 'in') this.#socket.write(encodeHandshake({ infoHash, peerId: identity.peerId }));
    const peerId = foreignPeerId(this.remoteHost);
    const swarmId = this.#handler?.swarmId ?? '';
    this.#awaitsFirstWord = true;
    this.#admitted({
      peerId,
      swarmId,
      ticketRole: 'leecher',
      blockBytes: MIN_BLOCK_BYTES,
      protocol: 0,
      foreign: { fast },
    });
    if (!extensions) return;
    // Behind what we hold: BEP 3 wants the bitfield first.
    const payload = encodeExtendedHandshake({ m: {}, v: `Shoal ${version}`, reqq: FOREIGN_REQUESTS });
    this.send({ type: 'extended', id: EXTENDED_HANDSHAKE_ID, payload });
  }

  #admitted(peer: AdmittedPeer): void {
    clearTimeout(this.#timer);
    const handler = this.#handler;
    if (handler === undefined || !this.#options.hasRoom(this, handler)) return this.close('no room for another peer');
    this.peer = peer;
    handler.onOpen(this);
  }
}
