import { describe, expect, it } from 'vitest';
import { CERTS_DIR, NEW_CONFIG, readContainerdConfig } from './containerd-config.ts';

const read = (text: string) => readContainerdConfig(text, '/c.toml');

describe("containerd's config.toml", () => {
  it('of ours is complete', () => expect(read(NEW_CONFIG)).toEqual({ certsDir: CERTS_DIR }));

  it.each([
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n',
    'version = 3\n[plugins.\'io.containerd.cri.v1.images\'.registry]\nconfig_path = "/x:/etc/containerd/certs.d"\n',
    '[plugins.cri.registry]\nconfig_path = "/etc/containerd/certs.d"\n',
  ])('that names the folder is complete: %j', (text) => expect(read(text)).toEqual({ certsDir: CERTS_DIR }));

  it('may name another folder, which then is the one', () => {
    const text =
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/docker/certs.d:/y"\n';
    expect(read(text)).toEqual({ certsDir: '/etc/docker/certs.d' });
  });

  it.each([
    ['', '[plugins.cri.registry]'],
    ['version = 1\n', '[plugins.cri.registry]'],
    ['version = 2\ndisabled_plugins = ["cri"]\n', '[plugins."io.containerd.grpc.v1.cri".registry]'],
    ['version = 3\n', '[plugins."io.containerd.cri.v1.images".registry]'],
    ['version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = ""\n', '[plugins."io.containerd.grpc'],
  ])('without it lacks exactly these lines: %j', (text, table) => {
    const { missing } = read(text);
    expect(missing).toContain(table);
    expect(missing).toContain(`config_path = "${CERTS_DIR}"`);
    expect(missing).not.toContain('mirrors');
  });

  it('with mirrors of the old kind must lose them', () => {
    const text = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."x"]\nendpoint = ["https://y"]\n';
    expect(read(text).missing).toMatch(/remove the registry\.mirrors/);
  });

  it('broken is refused with its line', () => expect(() => read('version = 2\nx = \n')).toThrow(/^\/c\.toml:2:/));
});
