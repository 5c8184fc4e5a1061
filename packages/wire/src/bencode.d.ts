/* What we use of `bencode` 4, which ships no types: strings come back as bytes. */
declare module 'bencode' {
  const bencode: { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown };
  export default bencode;
}
