import { expect, it } from 'vitest';
import { createSysfs, type FakeInterface } from './nic.testkit.ts';
import { detectInterfaces } from './nic-linux-detect.ts';

const GBIT = 125e6;
const LO: FakeInterface = { flags: '0x9', operstate: 'unknown' };
const ROUTE_TITLES = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
const NO_ADDRESS = '0'.repeat(32);

function detect(
  interfaces: Record<string, FakeInterface>,
  options: { measure?: string[]; v4?: string; v6?: string } = {},
) {
  const sysfs = createSysfs();
  for (const [name, one] of Object.entries(interfaces)) sysfs.set(name, one);
  if (options.v4) sysfs.routes('route', ROUTE_TITLES + options.v4);
  if (options.v6) sysfs.routes('ipv6_route', options.v6);
  const { names, linkBytesPerSecond } = detectInterfaces(sysfs.root, options.measure);
  return { names, link: linkBytesPerSecond };
}

const BOND: Record<string, FakeInterface> = {
  bond0: { slaves: ['eth0', 'eth1'], lower: ['eth0', 'eth1'], mbit: 10_000 },
  eth0: { physical: true, master: 'bond0', mbit: 10_000 },
  eth1: { physical: true, master: 'bond0', mbit: 10_000 },
};

it('a host of containers: the physical interface alone', () => {
  const host = {
    lo: LO,
    eth0: { physical: true, mbit: 1000 },
    docker0: { bridge: true },
    veth12: { master: 'docker0' },
    'eth0.10': { lower: ['eth0'] },
  };
  expect(detect(host)).toEqual({ names: ['eth0'], link: GBIT });
});

it("a bond's members are counted, its own speed is the link: a standby member carries nothing", () => {
  expect(detect(BOND)).toEqual({ names: ['eth0', 'eth1'], link: 10 * GBIT });
  expect(detect({ ...BOND, bond0: { ...BOND.bond0, mbit: -1 } }).link).toBe(20 * GBIT);
});

it('an accelerated card of a virtual machine is counted in the interface above it', () => {
  const machine = {
    eth0: { physical: true, mbit: 1000, lower: ['enP1s1'] },
    enP1s1: { physical: true, master: 'eth0' },
  };
  expect(detect(machine)).toEqual({ names: ['eth0'], link: GBIT });
});

it('an interface without a carrier adds nothing to the link, one that does not tell makes it unknown', () => {
  const eth0 = { physical: true, mbit: 1000 };
  expect(detect({ eth0, eth1: { physical: true, operstate: 'down' } }).link).toBe(GBIT);
  expect(detect({ eth0: { physical: true, operstate: 'down' } }).link).toBeUndefined();
  for (const mbit of [-1, '', 4294967295, 65535]) {
    expect(detect({ eth0, eth1: { physical: true, mbit } }).link).toBeUndefined();
  }
});

it('in a namespace the interface of the default route counts', () => {
  const space = { lo: LO, eth0: { mbit: 10_000 }, net1: {} };
  const v4 =
    'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\nnet1\t000200C0\t0\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
  expect(detect(space, { v4 })).toEqual({ names: ['eth0'], link: 10 * GBIT });
  const v6 = [
    `${NO_ADDRESS} 00 ${NO_ADDRESS} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 net1`,
    `${NO_ADDRESS} 00 ${NO_ADDRESS} 00 ${NO_ADDRESS} ffffffff 00000001 00000000 00200200 lo`,
    `${NO_ADDRESS} 60 ${NO_ADDRESS} 00 ${NO_ADDRESS} 00000400 00000001 00000000 00000001 eth0`,
  ].join('\n');
  expect(detect(space, { v6 }).names).toEqual(['net1']);
  expect(detect(space, { v4, v6 }).names).toEqual(['eth0', 'net1']);
});

it('a default route that goes nowhere is none', () => {
  const v4 = 'net1\t00000000\t0\t0201\t0\t0\t0\t00000000\t0\t0\t0\n';
  expect(detect({ eth0: {}, net1: { flags: '0x1002' } }, { v4 }).names).toEqual(['eth0']);
});

it('without a default route: all that are up, but loopback, bridges and what lies over another', () => {
  const space = { lo: LO, eth0: {}, eth1: { flags: '0x1002' }, br0: { bridge: true }, vlan5: { lower: ['eth0'] } };
  expect(detect(space).names).toEqual(['eth0']);
});

it('names of the operator: a bond becomes its members, and nothing counts twice', () => {
  const host = { ...BOND, 'bond0.7': { lower: ['bond0'] }, br0: { bridge: true, lower: ['bond0.7'] } };
  expect(detect(host, { measure: ['bond0', 'eth1', 'bond0.7', 'br0'] }).names).toEqual(['eth0', 'eth1']);
  expect(detect(host, { measure: ['br0'] }).names).toEqual(['br0']);
  expect(detect(host, { measure: ['eth1'] })).toEqual({ names: ['eth1'], link: 10 * GBIT });
});
