/**
 * What a lane is: one way for the blob from a sender to a receiver, the same program on both sides. Types only.
 *
 * @typedef {object} Ground what every lane works with
 * @property {string} folder on tmpfs; a lane takes what it writes away again
 * @property {import('../harness/blob.mjs').BlobFacts} blob
 * @property {string} layout folder of the OCI layout that holds it
 * @property {string} seedFolder has it under the name in the torrent
 * @property {string} torrent without a tracker
 * @property {number} transferTimeoutMs
 *
 * @typedef {object} Lane
 * @property {string} name
 * @property {() => string | undefined} missing what to do to have the program, when it is not there
 * @property {() => Promise<void>} start the sender holds the blob afterwards
 * @property {(round: number) => Promise<import('../harness/measure.mjs').Sample & Record<string, number>>} transfer
 *   to a new receiver, whose files are gone afterwards
 * @property {() => Promise<void>} stop
 */
export {};
