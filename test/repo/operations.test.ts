/** Settings that the pages tell people to write are settings that the daemons take. */
import { describe, expect, it } from 'vitest';
import { fileIn, temporaryFolder } from '../../packages/cli/src/cli.testkit.ts';
import { agentConfigFile } from '../../packages/cli/src/config/agent-config.ts';
import { type ConfigFile, loadConfig } from '../../packages/cli/src/config/config-file.ts';
import { trackerConfigFile } from '../../packages/cli/src/config/tracker-config.ts';
import { readText } from './source.ts';

const HOST = { platform: 'linux' as const, env: {}, hostName: 'node-1' };
const PAGES = ['docs/operations.md', 'docs/proxy.md', 'docs/cache.md'];
const TRACKER = trackerConfigFile(HOST);
const AGENT = agentConfigFile(HOST);
/** What a block that is about something else leaves out. */
const TRACKER_REST = { SHOAL_INSECURE: 'true' };
const AGENT_REST = { SHOAL_TRACKER_URL: 'https://shoal.example.com:7600', SHOAL_TRACKER_TOKEN_FILE: '/etc/shoal/t' };

function blocks(page: string): string[] {
  return [...(readText(page) ?? '').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
}

function load<T>(spec: ConfigFile<T>, text: string, env: Record<string, string> = {}): T {
  const folder = temporaryFolder();
  const sources = { host: { ...HOST, env }, cwd: folder, file: fileIn(folder, 'settings.yaml', text), flags: {} };
  return loadConfig(spec, sources).config;
}

describe.each(PAGES)('the YAML of %s', (page) => {
  it('says which file it is, and is what that daemon takes', () => {
    expect(blocks(page).length).toBeGreaterThan(0);
    for (const text of blocks(page)) {
      expect(text).toMatch(/^# (tracker|agent)\.yaml/);
      if (text.startsWith('# tracker')) load(TRACKER, text, text.includes('tls:') ? {} : TRACKER_REST);
      else load(AGENT, text, AGENT_REST);
    }
  });
});

describe('docs/operations.md', () => {
  const all = blocks('docs/operations.md');

  it('gives Marathon’s jobs their terms, and agents their labels', () => {
    const tracker = all.find((text) => text.includes('marathon:')) ?? '';
    const agent = all.find((text) => text.startsWith('# agent.yaml')) ?? '';
    expect(load(TRACKER, tracker)).toMatchObject({ marathon: [{ prewarm: { priority: 10 } }] });
    expect(load(AGENT, agent)).toMatchObject({ labels: { rack: 'r1', build: '20348' } });
  });
});
