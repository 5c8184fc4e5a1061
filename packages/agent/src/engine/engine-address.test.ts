import { expect, it } from 'vitest';
import { defaultEngineAddress, parseEngineAddress } from './engine-address.ts';

it('the default of each platform is an address of that platform', () => {
  expect(parseEngineAddress(defaultEngineAddress('linux'), 'linux')).toEqual({
    kind: 'socket',
    socketPath: '/var/run/docker.sock',
  });
  expect(parseEngineAddress(defaultEngineAddress('win32'), 'win32')).toEqual({
    kind: 'socket',
    socketPath: '\\\\.\\pipe\\docker_engine',
  });
});

it.each([
  ['unix:///run/docker.sock', '/run/docker.sock'],
  ['/run/docker.sock', '/run/docker.sock'],
])('%s is a unix socket', (address, socketPath) => {
  expect(parseEngineAddress(address, 'linux')).toEqual({ kind: 'socket', socketPath });
});

it.each(['npipe:////./pipe/docker_engine', '//./pipe/docker_engine', '\\\\.\\pipe\\docker_engine'])(
  '%s is a named pipe',
  (address) => {
    expect(parseEngineAddress(address, 'win32')).toEqual({ kind: 'socket', socketPath: '\\\\.\\pipe\\docker_engine' });
  },
);

it.each([
  ['tcp://10.0.0.1:2376', 'http://10.0.0.1:2376'],
  ['tcp://engine', 'http://engine:2375'],
  ['tcp://engine:80', 'http://engine'],
  ['tcp://[::1]:2375', 'http://[::1]:2375'],
  ['http://engine:2375/', 'http://engine:2375'],
  ['https://engine:2376', 'https://engine:2376'],
])('%s is reached at %s', (address, origin) => {
  for (const platform of ['linux', 'win32'] as const)
    expect(parseEngineAddress(address, platform)).toEqual({ kind: 'http', origin });
});

it.each([
  ['npipe:////./pipe/docker_engine', 'linux', /named pipes exist on Windows only/],
  ['unix:///var/run/docker.sock', 'win32', /npipe:/],
  ['unix://docker.sock', 'linux', /must be absolute/],
  ['npipe://docker_engine', 'win32', /npipe:\/\/\/\/\.\/pipe\/name/],
  ['ssh://host', 'linux', /use unix:/],
  ['tcp://host:99999', 'linux', /use unix:/],
  ['http://host/path', 'linux', /a path is not supported/],
  ['', 'linux', /use unix:/],
] as const)('%s on %s is refused with what to write instead', (address, platform, message) => {
  expect(() => parseEngineAddress(address, platform)).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }));
  expect(() => parseEngineAddress(address, platform)).toThrow(message);
});

it('credentials in an address are not repeated in the error', () => {
  expect(() => parseEngineAddress('http://user:secret@host', 'linux')).toThrow(/^((?!secret).)*$/);
});
