/**
 * Runs one swarm: turns facts (messages, blocks, hashes, time) into events of the pure state
 * machine and carries out its effects. Decides nothing itself.
 */
import type { KeyObject } from 'node:crypto';
import { type Block, type Budget, Swarm, type SwarmEffect, type SwarmEvent, type TrafficClass } from '@shoal/swarm';
import type { ForeignPeer, Neighbour } from '@shoal/tracker/client';
import type { HashRun, WireEvent, WireMessage } from '@shoal/wire';
import type { AdmittedPeer } from '../peer/admission.ts';
import type { LinkHandler, PeerConnection } from '../peer/peer-connection.ts';
import type { DialTarget } from '../peer/peer-port.ts';
import type { BlockReader, UploadScheduler } from '../peer/upload-scheduler.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { PieceMemory } from '../store/piece-memory.ts';
import type { Asked, DownloadClient, DownloadScheduler } from './download-scheduler.ts';
import { classMessages, hashAnswer, hearExtended } from './extended-messages.ts';
import { HashExchange } from './hash-exchange.ts';
import { IncomingBlocks } from './incoming-blocks.ts';
import { foreignId, foreignLink, shoalLink } from './link-info.ts';
import { type LinkEffect, messagesOf, swarmEventOf } from './link-messages.ts';

/** What all swarms of an agent share. */
export interface SwarmContext {
  trackerKey(): KeyObject;
  /** The agent's own: a seeder signs piece hashes with it. */
  privateKey: KeyObject;
  uploads: UploadScheduler;
  downloads: DownloadScheduler;
  memory: PieceMemory;
  /** The longest block that is agreed on with a new peer. */
  blockBytes(): number;
  /** Monotonic milliseconds. */
  now(): number;
  /** Since the epoch. */
  nowSeconds(): number;
  random(): number;
  dial(target: DialTarget, handler: LinkHandler, onFailed: () => void): void;
}

export interface SwarmRunnerOptions {
  swarmId: string;
  blob: BlobFile;
  role: 'seeder' | 'agent';
  ticket: string;
  context: SwarmContext;
  /** It answers with `leased`, or with other neighbours. */
  askTracker(ask: Extract<SwarmEffect, { type: 'askLeases' | 'replace' }>): void;
  onComplete(): void;
  /** The disk failed: nothing more is asked for until `want` is called again. */
  onFailed(error: unknown): void;
}

const WAKE_MS = 100;

export class SwarmRunner implements LinkHandler, BlockReader, DownloadClient {
  readonly swarmId: string;
  readonly blob: BlobFile;
  readonly role: 'seeder' | 'agent';
  /** Bytes received from each peer, by peer id; and those that nobody had asked for any more. */
  readonly receivedFrom = new Map<string, number>();
  wastedBytes = 0;
  /** Called when a piece came in or the swarm stopped. */
  onProgress: (() => void) | undefined;
  readonly neighbours = new Map<string, Neighbour>();
  /** Foreign clients that may have this blob, when the tracker has made a torrent of it. */
  #foreign: { infoHash: string; peers: readonly ForeignPeer[] } | undefined;
  readonly #context: SwarmContext;
  readonly #options: SwarmRunnerOptions;
  readonly #swarm: Swarm;
  readonly #links = new Map<number, PeerConnection>();
  readonly #incoming: IncomingBlocks;
  readonly #hashes: HashExchange;
  /** Runs while somebody is connected or something is wanted: a host keeps hundreds of blobs that rest. */
  #timer: NodeJS.Timeout | undefined;
  #ticket: string;
  #wanted = false;
  #class: TrafficClass = 'prewarm';
  #stopped = false;

  constructor(options: SwarmRunnerOptions) {
    const { swarmId, blob, role, context } = options;
    this.#options = options;
    this.swarmId = swarmId;
    this.blob = blob;
    this.role = role;
    this.#ticket = options.ticket;
    this.#context = context;
    const { size, pieceLength, held } = blob;
    this.#incoming = new IncomingBlocks(context.memory, pieceLength);
    this.#swarm = new Swarm({ size, pieceLength, role, held, random: context.random });
    this.#hashes = new HashExchange({ swarmId, blob, ticket: () => this.#ticket, ...context });
    this.#handle({ type: 'hashesKnown', count: blob.hashCount });
  }

  get pieceCount(): number {
    return this.#swarm.held.length;
  }

  get blockBytes(): number {
    return this.#context.blockBytes();
  }

  get connectionCount(): number {
    return this.#links.size;
  }

  /** What the blob is fetched for. */
  get trafficClass(): TrafficClass {
    return this.#class;
  }

  get wantsLinks(): boolean {
    return this.#wanted && !this.#swarm.held.complete;
  }

  setClass(trafficClass: TrafficClass): void {
    if (this.#class === trafficClass) return;
    this.#class = trafficClass;
    for (const connection of this.#links.values()) connection.send(...classMessages(connection, trafficClass));
  }

  ticket(): string {
    return this.#ticket;
  }

  setTicket(ticket: string): void {
    this.#ticket = ticket;
  }

  trackerKey(): KeyObject {
    return this.#context.trackerKey();
  }

  /** Starts or goes on downloading from the neighbours. */
  want(neighbours: readonly Neighbour[]): void {
    this.#wanted = true;
    if (!this.#swarm.held.complete) this.#context.downloads.add(this);
    this.addNeighbours([...this.neighbours.values(), ...neighbours]);
  }

  /** Those who read the blob while it comes wait for these pieces. */
  setReading(pieces: readonly number[]): void {
    this.#handle({ type: 'reading', pieces });
  }

  /** Nobody waits for the blob any more: what is there goes on being served. */
  rest(): void {
    this.#wanted = false;
    this.#context.downloads.remove(this);
    for (const connection of [...this.#links.values()])
      if (connection.direction === 'out') connection.close('not wanted any more');
  }

  /** Only those named now: a new neighbour is no reason to dial a blocked one again. */
  addNeighbours(neighbours: readonly Neighbour[]): void {
    for (const neighbour of neighbours) this.neighbours.set(neighbour.peerId, neighbour);
    if (this.#wanted) this.#handle({ type: 'neighbours', peers: neighbours.map(({ peerId }) => peerId) });
  }

  /** The whole list each time. An empty one (a tracker that has just restarted) closes no connection. */
  setForeign(infoHash: string, peers: readonly ForeignPeer[]): void {
    this.#foreign = { infoHash, peers };
    const dialable = peers.filter(({ port }) => port > 0);
    this.addNeighbours(
      dialable.map((peer) => ({ ...peer, peerId: foreignId(peer), name: foreignId(peer), role: 'agent' })),
    );
  }

  admitsForeign(infoHash: string, host: string): boolean {
    return this.#foreign?.infoHash === infoHash && this.#foreign.peers.some((peer) => peer.host === host);
  }

  /** Of the tracker. */
  addHashes(first: number, hashes: Uint8Array): void {
    this.blob.addHashes(first, hashes);
    this.#hashes.closeGaps();
    this.#handle({ type: 'hashesKnown', count: this.blob.hashCount });
    this.#context.downloads.poke(this);
  }

  leased(granted: number[], refused: number[]): void {
    this.#handle({ type: 'leases', granted, refused });
    this.#context.downloads.poke(this);
  }

  /** The seeder has read, hashed and written a piece of the origin. */
  originPieceStored(piece: number, hash: Uint8Array): void {
    this.blob.claimOriginPiece(piece, hash);
    this.#hashes.read(piece, hash);
    this.#handle({ type: 'pieceVerified', piece, ok: true });
    this.#handle({ type: 'hashesKnown', count: this.blob.hashCount, from: 'elsewhere' });
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(reason: string): void {
    this.#stopped = true;
    this.onProgress?.();
    this.#wanted = false;
    clearInterval(this.#timer);
    this.#context.downloads.remove(this);
    for (const connection of [...this.#links.values()]) connection.close(reason);
  }

  request(budget: Budget): Asked {
    const effects = this.#swarm.handle({ type: 'budget', ...budget }, this.#context.now());
    const asked = { bytes: 0, remoteBytes: 0 };
    for (const effect of effects) {
      if (effect.type !== 'request') continue;
      asked.bytes += effect.length;
      if (this.#links.get(effect.link)?.isRemote) asked.remoteBytes += effect.length;
    }
    this.#carryOut(effects);
    return asked;
  }

  readRun([first]: readonly Block[], targets: readonly Uint8Array[]): Promise<void> {
    if (first === undefined) return Promise.resolve();
    return this.blob.readInto(first.piece * this.blob.pieceLength + first.offset, targets);
  }

  onOpen(connection: PeerConnection): void {
    const { peer, direction, id } = connection;
    if (peer === undefined) return;
    if (this.#stopped) return connection.close('swarm stopped');
    if (direction === 'in' && peer.ticketRole === 'holder') return connection.close('holder may not receive');
    this.#links.set(id, connection);
    if (peer.foreign !== undefined) return this.#openForeign(connection, peer);
    // The class stands before the first request, which counts as it.
    connection.send(...classMessages(connection, this.#class), { type: direction === 'in' ? 'unchoke' : 'interested' });
    const neighbour = this.neighbours.get(peer.peerId);
    connection.isRemote = neighbour?.remote === true;
    this.#handle({ type: 'connected', ...shoalLink(connection, peer, { neighbour, blobBytes: this.blob.size }) });
  }

  #openForeign(connection: PeerConnection, peer: AdmittedPeer): void {
    this.#handle({ type: 'connected', ...foreignLink(connection, peer) });
    if (!this.#swarm.held.complete) connection.send({ type: 'interested' });
  }

  onClosed(connection: PeerConnection): void {
    if (!this.#links.delete(connection.id)) return;
    this.#incoming.end(connection.id);
    this.#context.uploads.remove(connection);
    this.#handle({ type: 'disconnected', link: connection.id });
  }

  onEvent(connection: PeerConnection, event: WireEvent): void {
    switch (event.type) {
      case 'blockStart':
        return this.#blockStart(connection, event);
      case 'blockData':
        return this.#blockData(connection, event.bytes, event.last);
      case 'interested':
        // Some foreign clients stall on an unchoke they have not asked for.
        if (connection.peer?.foreign !== undefined) connection.send({ type: 'unchoke' });
        return;
      case 'extended':
        return this.#heardExtended(connection, event);
      case 'cancel':
        return this.#context.uploads.cancel(connection, event);
      default: {
        const said = swarmEventOf(connection, event, this.pieceCount);
        if (said === undefined) return;
        this.#handle(said);
        if (said.type === 'peerHolds' || said.type === 'choked') this.#context.downloads.poke(this);
      }
    }
  }

  #heardExtended(connection: PeerConnection, event: Extract<WireEvent, { type: 'extended' }>): void {
    const { class: said, maxRequests: count, hashes } = hearExtended(connection, event);
    const link = connection.id;
    if (said !== undefined) this.#context.uploads.setClass(connection, said);
    if (count !== undefined) this.#handle({ type: 'maxRequests', link, count });
    if (hashes?.type === 'ask') this.#handle({ type: 'hashesAsked', link, first: hashes.first });
    // Only who may be asked is listened to.
    if (hashes?.type === 'runs' && connection.direction === 'out') this.#heardHashes(connection, hashes.runs);
  }

  #heardHashes(connection: PeerConnection, heard: readonly HashRun[]): void {
    const { id: link } = connection;
    const { runs, forged } = this.#hashes.takeAll(connection, heard);
    if (runs.length > 0) this.#handle({ type: 'hashesTold', link, runs, known: this.blob.hashCount });
    if (forged) this.#handle({ type: 'hashesForged', link });
    this.#context.downloads.poke(this);
  }

  blockTarget({ id }: PeerConnection): Uint8Array | undefined {
    return this.#incoming.target(id);
  }

  onBlockBytes(connection: PeerConnection, bytes: number, last: boolean): void {
    const link = connection.id;
    const arrived = this.#incoming.advance(link, bytes);
    const peerId = connection.peer?.peerId;
    if (arrived === undefined || peerId === undefined) return;
    this.receivedFrom.set(peerId, (this.receivedFrom.get(peerId) ?? 0) + bytes);
    this.#context.downloads.received(bytes, connection.isRemote);
    if (!arrived.counts) this.wastedBytes += bytes;
    if (!last) return;
    this.#incoming.end(link);
    if (arrived.counts) this.#handle({ type: 'blockReceived', link, ...arrived.block });
    this.#context.downloads.poke(this);
  }

  #blockStart(connection: PeerConnection, { piece, offset, length }: Block): void {
    const block = { piece, offset, length };
    const verdict = this.#swarm.judge(connection.id, block);
    if (verdict === 'unrequested') return connection.close('unrequested block');
    this.#incoming.start(connection.id, block, verdict === 'store');
  }

  #blockData(connection: PeerConnection, bytes: Uint8Array, last: boolean): void {
    this.blockTarget(connection)?.set(bytes);
    this.onBlockBytes(connection, bytes.length, last);
  }

  async #verify(piece: number): Promise<void> {
    const memory = this.#incoming.takePiece(piece);
    if (memory === undefined) return;
    try {
      const ok = await this.blob.storePiece(piece, memory);
      this.#handle({ type: 'pieceVerified', piece, ok });
      this.onProgress?.();
    } catch (error) {
      this.#handle({ type: 'pieceLost', piece });
      this.#wanted = false;
      this.#context.downloads.remove(this);
      this.#options.onFailed(error);
    }
    this.#context.memory.give(memory);
    this.#context.downloads.poke(this);
  }

  #wake(): void {
    if (this.#links.size === 0 && !this.wantsLinks) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (!this.#swarm.isDue(this.#context.now())) return;
    this.#handle({ type: 'wake' });
    this.#context.downloads.poke(this);
  }

  #handle(event: SwarmEvent): void {
    if (!this.#stopped) this.#timer ??= setInterval(() => this.#wake(), WAKE_MS);
    this.#carryOut(this.#swarm.handle(event, this.#context.now()));
  }

  #carryOut(effects: readonly SwarmEffect[]): void {
    const outbox = new Map<PeerConnection, WireMessage[]>();
    for (const effect of effects) {
      if (effect.type === 'dial') this.#dial(effect.peer);
      else if (effect.type === 'verify') void this.#verify(effect.piece);
      else if (effect.type === 'complete') this.#complete();
      else if (effect.type === 'askLeases' || effect.type === 'replace') this.#options.askTracker(effect);
      else if (effect.type === 'refund') this.#context.downloads.refund(this, effect.bytes, effect.remote);
      else {
        const connection = this.#links.get(effect.link);
        if (connection !== undefined) this.#tell(connection, effect, outbox);
      }
    }
    for (const [connection, messages] of outbox) connection.send(...messages);
  }

  #tell(connection: PeerConnection, effect: LinkEffect, outbox: Map<PeerConnection, WireMessage[]>): void {
    if (effect.type === 'serve') return this.#context.uploads.add(connection, effect, this);
    if (effect.type === 'close') return connection.close(effect.reason);
    const messages = outbox.get(connection) ?? [];
    outbox.set(connection, messages);
    if (effect.type === 'askHashes') this.#hashes.asked(connection);
    messages.push(
      ...(effect.type === 'tellHashes'
        ? hashAnswer(connection, this.#hashes.tell(connection, effect.first))
        : messagesOf(effect, connection)),
    );
  }

  #dial(peerId: string): void {
    const failed = (): void => this.#handle({ type: 'dialFailed', peer: peerId });
    const neighbour = this.neighbours.get(peerId);
    if (neighbour === undefined || !this.#wanted) return failed();
    const isForeign = peerId === foreignId(neighbour);
    if (!isForeign) return this.#context.dial(neighbour, this, failed);
    // It may have dialled us: one connection is enough.
    const linked = [...this.#links.values()].some((link) => link.peer?.foreign && link.remoteHost === neighbour.host);
    if (linked || this.#foreign === undefined) return failed();
    this.#context.dial({ ...neighbour, foreignInfoHash: this.#foreign.infoHash }, this, failed);
  }

  #complete(): void {
    this.#context.downloads.remove(this);
    this.#options.onComplete();
  }
}
