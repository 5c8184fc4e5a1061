import { describe, expect, it } from 'vitest';
import { isLoopback, parseRegistryHosts } from './registry-hosts.ts';

describe('names of registries', () => {
  it('are in lower case, each once, Docker Hub under one name', () => {
    const names = ['Harbor.example.com', 'harbor.example.com', 'registry-1.docker.io', 'docker.io', '10.0.0.5:5000'];
    expect(parseRegistryHosts(names)).toEqual(['harbor.example.com', 'docker.io', '10.0.0.5:5000']);
    expect(parseRegistryHosts(['[::1]:5000', 'localhost'])).toEqual(['[::1]:5000', 'localhost']);
  });

  it.each([
    '',
    '..',
    '.',
    'a b.example',
    'h.example/x',
    'h.example"',
    "h.example'",
    'h.example\n',
    '-h.example',
    'harbor',
  ])('%j is none', (name) =>
    expect(() => parseRegistryHosts([name])).toThrow(/is no registry; write it as in image references/),
  );

  it.each([
    'https://h.example',
    'h.example:',
    'h.example:99999',
    '../../etc',
    'h..example',
    '$(x).example',
    '%n.example',
  ])('nor is %j', (name) => expect(() => parseRegistryHosts([name])).toThrow(/is no registry/));

  it('on this host are known as such', () => {
    expect(['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.9.9', '[::1]:1'].every(isLoopback)).toBe(true);
    expect(['h.example', '10.0.0.1', 'localhost.example.com', '127.0.0.1.example'].some(isLoopback)).toBe(false);
  });
});
