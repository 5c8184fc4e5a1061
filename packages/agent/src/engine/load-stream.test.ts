import { expect, it } from 'vitest';
import { inChunks } from './fake-engine.testkit.ts';
import { readLoadStream } from './load-stream.ts';

function lines(...texts: string[]): AsyncIterable<Uint8Array> {
  return inChunks(Buffer.from(texts.map((text) => `${text}\r\n`).join('')), 7);
}

it('messages and progress are read whatever the cut of the chunks', async () => {
  const progress: object[] = [];
  const messages = await readLoadStream(
    lines(
      '{"status":"Loading layer","progressDetail":{"current":32768,"total":3001171},"progress":"[> ] 32.77kB/3.001MB","id":"7a93b689e4b8"}',
      '{"status":"Loading layer","progressDetail":{},"id":"7a93b689e4b8"}',
      '{"stream":"Loaded image: größer.example/a:1\\n"}',
    ),
    (step) => progress.push(step),
  );
  expect(messages).toEqual(['Loaded image: größer.example/a:1']);
  expect(progress).toEqual([{ layer: '7a93b689e4b8', currentBytes: 32768, totalBytes: 3001171 }]);
});

it('a last line without its end is read too', async () => {
  expect(await readLoadStream(inChunks(Buffer.from('{"stream":"done"}')))).toEqual(['done']);
});

it.each([
  '{"errorDetail":{"message":"cannot load windows image on linux"},"error":"cannot load windows image on linux"}',
  '{"errorDetail":{"message":"cannot load windows image on linux"}}',
  '{"error":"cannot load windows image on linux"}',
])('a refusal is quoted: %s', async (line) => {
  const refusal = {
    code: 'LOAD_REFUSED',
    engineText: 'cannot load windows image on linux',
    message: expect.stringContaining('cannot load windows image on linux'),
  };
  await expect(readLoadStream(lines('{"stream":"x"}', line))).rejects.toMatchObject(refusal);
});

it('a failed unpack of the containerd store is a refusal although it comes as a message', async () => {
  const line = '{"stream":"Error unpacking image a:1: content digest sha256:12: not found\\n"}';
  await expect(readLoadStream(lines(line))).rejects.toMatchObject({
    code: 'LOAD_REFUSED',
    engineText: expect.stringContaining('content digest'),
  });
});

it('a full disk of the engine has a code of its own and may be tried again', async () => {
  const line = '{"errorDetail":{"message":"write /var/lib/docker/tmp/x: no space left on device"}}';
  await expect(readLoadStream(lines(line))).rejects.toMatchObject({ code: 'ENGINE_DISK_FULL', retryable: true });
});

it('what is not a stream of JSON objects is not an engine', async () => {
  for (const text of ['<html>', '7', `"${'x'.repeat(2 << 20)}`]) {
    await expect(readLoadStream(inChunks(Buffer.from(text), 1 << 16))).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  }
});
