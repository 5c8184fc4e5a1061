import { describe, expect, it } from 'vitest';
import { readMesosAgents } from './mesos-agents.ts';
import { placedByLabels, placedByMesos, type ShoalHost, targetsOf } from './target-hosts.ts';

const host = (name: string, parts: Partial<ShoalHost> = {}): ShoalHost => ({
  name,
  role: 'agent',
  labels: {},
  ...parts,
});

const slave = (hostname: string, ip: string, parts: object = {}) => ({
  ...{ id: 'S1', hostname, port: 5051, pid: `slave(1)@${ip}:5051`, attributes: {}, active: true, deactivated: false },
  ...parts,
});

const namesOf = (slaves: object[], hosts: ShoalHost[]) =>
  placedByMesos(readMesosAgents({ slaves }), hosts).map(({ name }) => name);

describe('a Mesos agent', () => {
  it('is the host of its name, whatever the case', () => {
    expect(namesOf([slave('WIN-17', '10.0.0.1')], [host('win-17')])).toEqual(['win-17']);
  });

  it('is the host at the address in its pid', () => {
    const hosts = [host('a', { address: '10.0.0.1' }), host('b', { address: 'fd00::7' })];
    expect(namesOf([slave('other.name', '10.0.0.1'), slave('x', '[fd00::7]')], hosts)).toEqual(['a', 'b']);
  });

  it('with an address for its hostname is the host there', () => {
    expect(namesOf([slave('10.0.0.9', '127.0.0.1')], [host('a', { address: '10.0.0.9' })])).toEqual(['a']);
  });

  it('is the host whose name lacks the domain, where only one can be meant', () => {
    expect(namesOf([slave('web-1.example.com', '10.0.0.1')], [host('web-1')])).toEqual(['web-1']);
    expect(namesOf([slave('web-1', '10.0.0.1')], [host('web-1.a.com'), host('web-1.b.com')])).toEqual([undefined]);
    expect(namesOf([slave('web-1.a.com', '10.0.0.1')], [host('web-1.b.com')])).toEqual([undefined]);
  });

  it('that gets no tasks is left out, and so is one that cannot be read', () => {
    const slaves = [
      slave('a', '10.0.0.1', { active: false }),
      slave('b', '10.0.0.2', { deactivated: true }),
      { hostname: 7 },
      null,
      slave('c', '10.0.0.3'),
    ];
    expect(namesOf(slaves as object[], [host('a'), host('b'), host('c')])).toEqual(['c']);
  });

  it('has its attributes and its domain as a place', () => {
    const [agent] = readMesosAgents({
      slaves: [
        slave('a', '10.0.0.1', {
          attributes: { rack: 'r1', cores: 4, zones: '[1-3]', odd: { a: 1 } },
          domain: { fault_domain: { region: { name: 'eu' }, zone: { name: 'eu-1' } } },
        }),
      ],
    });
    const attributes = { rack: 'r1', cores: 4, zones: '[1-3]' };
    expect(agent?.place).toEqual({ hostname: 'a', region: 'eu', zone: 'eu-1', attributes });
  });

  it('an answer that is not of a master is told as such', () => {
    for (const answer of [undefined, [], { agents: [] }])
      expect(() => readMesosAgents(answer)).toThrow('must be the address of a master');
  });
});

describe('the hosts of an app', () => {
  it('are those its constraints allow; Mesos agents without an agent of ours are named', () => {
    const slaves = [
      slave('a', '10.0.0.1', { attributes: { rack: 'r1' } }),
      slave('b', '10.0.0.2', { attributes: { rack: 'r2' } }),
      slave('c', '10.0.0.3', { attributes: { rack: 'r1' } }),
    ];
    const placed = placedByMesos(readMesosAgents({ slaves }), [host('a'), host('b')]);
    expect(targetsOf(placed, [['rack', 'LIKE', 'r1']])).toEqual({ hosts: ['a'], withoutAgent: ['c'] });
    expect(targetsOf(placed, undefined)).toEqual({ hosts: ['a', 'b'], withoutAgent: ['c'] });
  });

  it('without Mesos follow from names and labels, and a seeder is none of them', () => {
    const hosts = [
      host('web-1', { labels: { rack: 'r1', zone: 'z1' } }),
      host('web-2', { labels: { rack: 'r2', zone: 'z1', region: 'eu' } }),
      host('seeder', { role: 'seeder' }),
    ];
    const names = (...constraints: unknown[]) => targetsOf(placedByLabels(hosts), constraints).hosts;
    expect(names()).toEqual(['web-1', 'web-2']);
    expect(names(['rack', 'CLUSTER', 'r2'])).toEqual(['web-2']);
    expect(names(['hostname', 'LIKE', 'web-1'])).toEqual(['web-1']);
    expect(names(['@zone', 'IS', 'z1'], ['@region', 'UNLIKE', 'eu'])).toEqual(['web-1']);
  });

  it('are found among ten thousand within the budget of a question', () => {
    const hosts = Array.from({ length: 10_000 }, (_, index) => host(`win-${index}.cell-7.example.com`));
    const constraints = [
      ['hostname', 'LIKE', '(win|web)-[0-9]+[02468]\\.(cell-[0-9]+)\\.example\\.com'],
      ['hostname', 'UNLIKE', '.*-1[0-9]*\\..*'],
    ];
    expect(targetsOf(placedByLabels(hosts), constraints).hosts).toHaveLength(4440);
  });
});
