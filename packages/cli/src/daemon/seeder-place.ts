/**
 * The embedded seeder's addresses: where it finds its own tracker, and where agents find it. Decides between the
 * settings, the certificate's names and the host's own address.
 */
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';

const WILDCARDS = ['0.0.0.0', '::', ''];
/** TEST-NET-1: connecting a datagram socket sends nothing, it only asks for the route. */
const FAR_AWAY = '192.0.2.1';

/** The tracker's own address under a name its certificate has: `localhost` is seldom one of them. */
export function ownTrackerUrl(trackerUrl: string, certificate: string | undefined): string {
  if (certificate === undefined) return trackerUrl;
  const url = new URL(trackerUrl);
  const names = namesOf(certificate);
  const wanted = [url.hostname, 'localhost', ...names].find((name) => names.includes(name));
  if (wanted !== undefined) url.hostname = wanted.includes(':') ? `[${wanted}]` : wanted;
  return url.origin;
}

/** A self-signed certificate is its own authority; of others the system or `tls.ca` must know it. */
export function ownAuthority(certificate: string | undefined): string | undefined {
  if (certificate === undefined) return undefined;
  const parsed = new X509Certificate(certificate);
  return parsed.issuer === parsed.subject ? certificate : undefined;
}

/** `hosts`: what the settings say, in order; a wildcard says nothing. */
export async function advertisedHost(hosts: readonly (string | undefined)[]): Promise<string | undefined> {
  return hosts.find((host) => host !== undefined && !WILDCARDS.includes(host)) ?? (await routedAddress());
}

function namesOf(certificate: string): string[] {
  const { subjectAltName = '' } = new X509Certificate(certificate);
  return subjectAltName
    .split(', ')
    .filter((entry) => /^(DNS|IP Address):[^*]+$/.test(entry))
    .map((entry) => entry.slice(entry.indexOf(':') + 1));
}

/** The address this host has on its default route; undefined without a network. */
function routedAddress(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (address?: string) => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end());
    socket.connect(9, FAR_AWAY, () => end(socket.address().address));
  });
}
