/**
 * The ids of Windows' event log, which monitoring filters by: one a cause that an operator treats alike. Decides which
 * id an entry of the log has. Ids are never changed or used again once released; docs/windows.md has the same table.
 */

export interface EventKind {
  /** What an operator has to see to. */
  text: string;
  /** Error codes of all our tables, and names under `event` of entries without a code. */
  names: readonly string[];
}

/** eventcreate.exe takes 1 to 1000. */
export const EVENT_KINDS: Readonly<Record<number, EventKind>> = {
  1: { text: 'anything else at the level error; the text says what', names: [] },
  100: { text: 'settings are refused', names: ['BAD_CONFIG', 'WRONG_USAGE', 'INVALID_OPTIONS', 'BAD_OPTIONS'] },
  101: { text: 'a file of the settings cannot be read', names: ['UNREADABLE_FILE'] },
  102: { text: 'a port is taken', names: ['PORT_IN_USE'] },
  103: { text: 'the data folder belongs to another daemon that runs', names: ['STORE_BUSY', 'TRACKER_RUNS'] },
  104: {
    text: 'the daemon cannot start: its data folder, its address, SQLite',
    names: ['CANNOT_START', 'NO_SQLITE', 'NEWER_DATABASE'],
  },
  110: { text: 'the tracker refuses this agent', names: ['tracker refused', 'REFUSED'] },
  200: { text: 'a disk of Shoal is full', names: ['DISK_FULL', 'SQLITE_FULL', 'ENOSPC', 'EDQUOT'] },
  201: { text: 'data cannot be read or written', names: ['STORE_FAILED', 'ARCHIVE_FAILED', 'SQLITE_IOERR'] },
  202: {
    text: 'bytes on this disk went bad and are fetched again',
    names: ['blob wrong', 'blob broken off', 'BLOB_DIGEST_MISMATCH', 'BLOB_SIZE_MISMATCH'],
  },
  203: { text: "the tracker's database is damaged: restore a backup", names: ['SQLITE_CORRUPT', 'SQLITE_NOTADB'] },
  300: { text: 'the Docker Engine does not answer', names: ['ENGINE_DOWN', 'INVALID_ADDRESS'] },
  301: { text: 'the Docker Engine may not be used by this account', names: ['ENGINE_FORBIDDEN'] },
  302: { text: 'the disk of the Docker Engine is full', names: ['ENGINE_DISK_FULL'] },
  303: {
    text: 'the Docker Engine did not take an image as it is',
    names: ['ENGINE_FAILED', 'LOAD_REFUSED', 'IMAGE_MISMATCH'],
  },
  400: { text: 'a registry does not let us read', names: ['UNAUTHORIZED', 'FORBIDDEN', 'PULL_REFUSED'] },
  401: {
    text: 'a registry does not answer as it should',
    names: ['UNREACHABLE', 'RATE_LIMITED', 'REGISTRY_FAILED', 'BAD_RESPONSE', 'CUT', 'PULL_UNCHECKED'],
  },
  402: { text: "a registry's certificate is not trusted", names: ['UNTRUSTED'] },
  403: { text: 'an image or a layer is not there', names: ['UNKNOWN_MANIFEST', 'UNKNOWN_BLOB', 'NO_PLATFORM'] },
  404: {
    text: 'the bytes of a registry are not what their digest says',
    names: ['DIGEST_MISMATCH', 'SIZE_MISMATCH', 'HASH_CONFLICT', 'CONFIG_MISMATCH', 'LAYERS_MISMATCH'],
  },
  405: { text: 'a registry is missing in the settings', names: ['UNKNOWN_REGISTRY', 'NO_SOURCE'] },
  406: {
    text: 'an image is not one that Shoal can carry',
    names: [
      ...['INVALID_NAME', 'INVALID_REFERENCE', 'INVALID_DIGEST', 'INVALID_MANIFEST', 'UNSUPPORTED_MANIFEST'],
      ...['INVALID_CONFIG', 'INVALID_IMAGE', 'INVALID_JOB', 'TOO_LARGE', 'BAD_ARCHIVE', 'BAD_LAYOUT'],
    ],
  },
  500: { text: 'no seeder is online', names: ['NO_SEEDER'] },
  501: {
    text: 'tracker and agent are of versions that do not understand each other',
    names: ['policy not understood'],
  },
  900: {
    text: 'something that should not happen: look into the log and tell us',
    names: ['INTERNAL', 'FAILED', 'BLOB_CONFLICT'],
  },
};

const ID_BY_NAME: ReadonlyMap<string, number> = new Map(
  Object.entries(EVENT_KINDS).flatMap(([id, { names }]) => names.map((name) => [name, Number(id)] as const)),
);

/** An event's own name counts first: a code says what went wrong, but not with whom. */
export function eventIdOf({ event, code }: { event: string | undefined; code: string | undefined }): number {
  const [, family = ''] = /^(SQLITE_[A-Z]+)/.exec(code ?? '') ?? []; // SQLITE_IOERR_WRITE is SQLITE_IOERR
  return ID_BY_NAME.get(event ?? '') ?? ID_BY_NAME.get(code ?? '') ?? ID_BY_NAME.get(family) ?? 1;
}
