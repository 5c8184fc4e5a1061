/*
 * A network of hosts: a namespace each, joined by a bridge in a namespace of its own (the hub), every link limited in
 * both directions. Zones have a bridge of their own, joined to the first by an uplink that is limited too. In the hub
 * there is no limit: that is the tracker's place.
 */
import { openNamespace } from './namespace.mjs';
import { limitedBytes, limitLine } from './shaping.mjs';

/**
 * @typedef {{ namespace: string, address: string }} Place where a program runs
 * @typedef {Place & { zone: string | undefined }} Host
 * @typedef {object} Network
 * @property {Place} hub
 * @property {readonly Host[]} hosts those outside of zones first
 * @property {() => Traffic} traffic since the start, headers included
 * @property {() => Promise<void>} close
 * @typedef {{ sentBytes: number[], ingressBytes: number[] }} Traffic by host, and into each zone
 * @typedef {object} NetworkWanted
 * @property {number} outside hosts outside of zones
 * @property {number} [zones]
 * @property {number} [hostsPerZone]
 * @property {number} bytesPerSecond of every host's link, and of every zone's uplink; `Infinity` is no limit
 * @property {(host: number) => number} [linkOf] for hosts outside whose link is another
 * @property {boolean} [singleFrames] what is handed over on a link is one frame at a time, as on a wire: counters then
 *   see every header
 */

const SUBNET = '10.213';
const HUB_ADDRESS = `${SUBNET}.0.1`;
export const LINK = 'eth0';
/** One segment at a time, no longer than a frame of Ethernet. */
const SINGLE_FRAMES = 'gso_max_segs 1 gso_max_size 1514';

let networks = 0;

/** @param {NetworkWanted} wanted @returns {Network} */
export function openNetwork({ outside, zones = 0, hostsPerZone = 0, bytesPerSecond, linkOf, singleFrames = false }) {
  const id = ++networks;
  const hub = openNamespace(`${id}-hub`);
  hub.ip(['link add bridge type bridge', `addr add ${HUB_ADDRESS}/16 dev bridge`, 'link set bridge up']);
  const opened = [hub];

  /** @param {number} zone 0 is none @param {number} index @returns {Host} */
  const addHost = (zone, index) => {
    const namespace = openNamespace(`${id}-${zone}-${index}`);
    opened.push(namespace);
    const address = `${SUBNET}.${zone + 1}.${index + 1}`;
    const port = `h${zone}x${index}`;
    hub.ip([
      `link add ${port} type veth peer name ${LINK} netns ${namespace.name}`,
      `link set ${port} master ${bridgeOf(zone)} up`,
    ]);
    if (singleFrames) {
      hub.ip([`link set dev ${port} ${SINGLE_FRAMES}`]);
      namespace.ip([`link set dev ${LINK} ${SINGLE_FRAMES}`]);
    }
    namespace.ip([`addr add ${address}/16 dev ${LINK}`, `link set ${LINK} up`]);
    const limit = zone === 0 && linkOf !== undefined ? linkOf(index) : bytesPerSecond;
    if (limit !== Number.POSITIVE_INFINITY) {
      hub.tc([limitLine(port, limit)]);
      namespace.tc([limitLine(LINK, limit)]);
    }
    return { namespace: namespace.name, address, zone: zone === 0 ? undefined : `zone-${zone}` };
  };

  const hosts = range(outside).map((index) => addHost(0, index));
  for (const zone of range(zones).map((index) => index + 1)) {
    hub.ip([
      `link add ${bridgeOf(zone)} type bridge`,
      `link add ${downOf(zone)} type veth peer name ${upOf(zone)}`,
      `link set ${downOf(zone)} master bridge up`,
      `link set ${upOf(zone)} master ${bridgeOf(zone)} up`,
      `link set ${bridgeOf(zone)} up`,
    ]);
    const ends = [downOf(zone), upOf(zone)];
    if (singleFrames) hub.ip(ends.map((device) => `link set dev ${device} ${SINGLE_FRAMES}`));
    if (bytesPerSecond !== Number.POSITIVE_INFINITY) hub.tc(ends.map((device) => limitLine(device, bytesPerSecond)));
    hosts.push(...range(hostsPerZone).map((index) => addHost(zone, index)));
  }
  return {
    hub: { namespace: hub.name, address: HUB_ADDRESS },
    hosts,
    traffic: () => ({
      sentBytes: opened.slice(1).map((namespace) => limitedBytes(namespace, LINK)),
      ingressBytes: range(zones).map((index) => limitedBytes(hub, downOf(index + 1))),
    }),
    async close() {
      for (const namespace of opened.reverse()) await namespace.close();
    },
  };
}

/** @param {number} zone */
function bridgeOf(zone) {
  return zone === 0 ? 'bridge' : `bridge${zone}`;
}

/** The device in the hub whose traffic out goes into the zone. @param {number} zone */
export function downOf(zone) {
  return `down${zone}`;
}

/** @param {number} zone */
function upOf(zone) {
  return `up${zone}`;
}

/** @param {number} count */
function range(count) {
  return Array.from({ length: count }, (_, index) => index);
}
