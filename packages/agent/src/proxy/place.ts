/** Host and port as clients of a proxy say them, and the registry that is there. */
import { canonical } from './route.ts';

export interface Place {
  /** In lower case; an IPv6 address in brackets. */
  host: string;
  port: number;
}

const PLACE = /^(\[[\da-f:.]+\]|[\w.-]{1,253})(?::(\d{1,5}))?$/;

/** Undefined: it is none. Without a default a port must be there. */
export function placeOf(text: string, defaultPort?: number): Place | undefined {
  const [, host, digits] = PLACE.exec(text.toLowerCase()) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === undefined || port === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** Image references leave out the port that their scheme has anyway. */
export function registryAt({ host, port }: Place, known: ReadonlySet<string>, defaultPort: number): string | undefined {
  const name = canonical(host);
  const names = port === defaultPort ? [name, `${name}:${port}`] : [`${name}:${port}`];
  return names.find((one) => known.has(one));
}

/** As `net` and certificates have it. */
export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
