import { describe, expect, it } from 'vitest';
import { type RegistryOptions, settingsOf } from './options.ts';

const urls = (host: string, options: Partial<RegistryOptions> = {}) => settingsOf({ host, ...options }).baseUrls;

describe('settingsOf', () => {
  it('reaches a registry over https, Docker Hub at its own address', () => {
    expect(urls('harbor.test:8443')).toEqual(['https://harbor.test:8443']);
    expect(urls('docker.io')).toEqual(['https://registry-1.docker.io']);
  });

  it('tries https, then http, for registries on this machine', () => {
    for (const host of ['localhost:5000', '127.0.0.1:5000', '127.1.2.3', '[::1]:5000']) {
      expect(urls(host)).toEqual([`https://${host}`, `http://${host}`]);
    }
    expect(urls('127.0.0.1.evil.test')).toEqual(['https://127.0.0.1.evil.test']);
    expect(urls('10.0.0.1:5000')).toEqual(['https://10.0.0.1:5000']);
  });

  it('takes an explicit url or CA at its word', () => {
    expect(urls('localhost:5000', { url: 'http://localhost:5000/' })).toEqual(['http://localhost:5000']);
    expect(urls('harbor.test', { url: 'https://10.0.0.9/mirror' })).toEqual(['https://10.0.0.9/mirror']);
    expect(urls('localhost:5000', { ca: 'PEM' })).toEqual(['https://localhost:5000']);
  });

  it('checks the certificate of every registry but this machine’s own', () => {
    expect(settingsOf({ host: 'harbor.test' }).verifyCertificate).toBe(true);
    expect(settingsOf({ host: 'localhost', url: 'https://localhost' }).verifyCertificate).toBe(true);
    expect(settingsOf({ host: 'localhost' }).verifyCertificate).toBe(false);
  });

  it('refuses a url that is none, without repeating it', () => {
    for (const url of ['ftp://h', 'harbor', 'https://user:hunter2@h', 'https://h?key=hunter2']) {
      const refuse = () => settingsOf({ host: 'h', url });
      expect(refuse).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
      expect(refuse).not.toThrow(/hunter2/);
    }
  });

  it('refuses half a login', () => {
    for (const half of [{ username: 'a' }, { password: 'b' }, { username: 'a:b', password: 'c' }]) {
      expect(() => settingsOf({ host: 'h', ...half })).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    }
  });
});
