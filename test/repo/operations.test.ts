/** docs/operations.md: what it tells people to write is what Shoal reads, under the names and ports it has. */
import { describe, expect, it } from 'vitest';
import { fileIn, temporaryFolder } from '../../packages/cli/src/cli.testkit.ts';
import { agentConfigFile } from '../../packages/cli/src/config/agent-config.ts';
import { type ConfigFile, loadConfig } from '../../packages/cli/src/config/config-file.ts';
import { trackerConfigFile } from '../../packages/cli/src/config/tracker-config.ts';
import { readText } from './source.ts';

const HOST = { platform: 'linux' as const, env: {}, hostName: 'node-1' };
const PAGE = readText('docs/operations.md') ?? '';
const AGENT = agentConfigFile(HOST);

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text);
}

function load<T>(spec: ConfigFile<T>, text: string, env: Record<string, string> = {}): T {
  const folder = temporaryFolder();
  const sources = { host: { ...HOST, env }, cwd: folder, file: fileIn(folder, 'settings.yaml', text), flags: {} };
  return loadConfig(spec, sources).config;
}

describe('docs/operations.md', () => {
  it('has no YAML but what these tests read', () => {
    const heads = blocks('yaml').map((block) => block.split('\n')[0]);
    expect(heads.map((head) => head?.slice(0, 14))).toEqual(['# tracker.yaml', '# agent.yaml']);
  });

  it('shows settings that daemons take', () => {
    const [tracker = '', agent = ''] = blocks('yaml');
    expect(load(trackerConfigFile(HOST), tracker)).toMatchObject({ marathon: [{ prewarm: { priority: 10 } }] });
    expect(load(AGENT, agent)).toMatchObject({ labels: { rack: 'r1', build: '20348' } });
  });
});
