/* What the tests use of `bittorrent-protocol` 5, which ships no types. */
declare module 'bittorrent-protocol' {
  import type { Duplex } from 'node:stream';

  type Callback = (error: Error | null, block: Uint8Array) => void;
  interface Features {
    dht?: boolean;
    fast?: boolean;
  }

  export default class Wire extends Duplex {
    peerPieces: { get(index: number): boolean };
    peerExtendedMapping: Record<string, number>;
    extendedHandshake: Record<string, unknown>;
    hasFast: boolean;
    use(extension: new (wire: Wire) => object): void;
    handshake(infoHash: string, peerId: string, features?: Features): void;
    keepAlive(): void;
    choke(): void;
    unchoke(): void;
    interested(): void;
    uninterested(): void;
    have(index: number): void;
    bitfield(bits: Uint8Array): void;
    request(index: number, offset: number, length: number, callback: Callback): void;
    cancel(index: number, offset: number, length: number): void;
    suggest(index: number): void;
    haveAll(): void;
    haveNone(): void;
    reject(index: number, offset: number, length: number): void;
    allowedFast(index: number): void;
    port(port: number): void;
    extended(name: string | number, payload: Uint8Array): void;
  }
}
