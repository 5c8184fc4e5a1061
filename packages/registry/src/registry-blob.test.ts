import { describe, expect, it } from 'vitest';
import { collect, descriptorOf, patternOf, readAll } from './image.testkit.ts';
import { createRegistrySource } from './registry-source.ts';
import { type Handler, json, serveAndCut, serveRange, startServer } from './test-server.testkit.ts';
import { createVirtualTime } from './virtual-time.testkit.ts';

const BYTES = patternOf(300_000);
const BLOB = descriptorOf(BYTES);

async function open(handler: Handler, options: object = {}) {
  const server = await startServer(handler);
  const time = createVirtualTime();
  const source = createRegistrySource({ host: 'registry.test', url: server.url, ...options }, time);
  return { server, time, source, ranges: () => server.requests.map(({ headers }) => headers.range) };
}

const serve: Handler = (request, response) => serveRange(request, response, BYTES);
const ignoreRange: Handler = (_, response) =>
  void response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES);

describe('a blob', () => {
  it('is read whole, or from an offset', async () => {
    let bytesRead = 0;
    const { source, ranges } = await open(serve, { onBytes: (bytes: number) => (bytesRead += bytes) });
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
    expect((await readAll(source, BLOB, 299_990)).equals(BYTES.subarray(299_990))).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=299990-']);
    expect(bytesRead).toBe(300_010);
  });

  it('is read in part, of a registry that ignores Range as well', async () => {
    const part = { offset: 1000, end: 201_000 };
    for (const handler of [serve, ignoreRange]) {
      const { source, ranges } = await open(handler);
      const bytes = await collect(source.readBlob('team/a', BLOB, part));
      expect(bytes.equals(BYTES.subarray(part.offset, part.end))).toBe(true);
      expect(ranges()).toEqual(['bytes=1000-200999']);
    }
  });

  it('of which more comes than the part asked for is BAD_RESPONSE', async () => {
    const { source } = await open((_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 10-299999/300000' }).end(BYTES.subarray(10));
    });
    const read = collect(source.readBlob('team/a', BLOB, { offset: 10, end: 20 }));
    await expect(read).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });

  it('read from its end asks nobody', async () => {
    const { source, server } = await open(serve);
    expect(await readAll(source, BLOB, BLOB.size)).toHaveLength(0);
    expect(server.asked).toEqual([]);
    await expect(readAll(source, BLOB, BLOB.size + 1)).rejects.toBeInstanceOf(RangeError);
  });

  it('goes on where the connection was cut, and progress renews the tries', async () => {
    const { source, time, ranges } = await open((request, response, count) => {
      if (count < 9) return serveAndCut(request, response, { bytes: BYTES, sent: 30_000 });
      serve(request, response, count);
    });
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
    expect(ranges().slice(0, 3)).toEqual([undefined, 'bytes=30000-', 'bytes=60000-']);
    expect(time.waitsMs).toEqual(Array(9).fill(250));
  });

  it('is CUT after a bounded number of tries without a byte of progress', async () => {
    const { source, server } = await open((request, response, count) =>
      serveAndCut(request, response, { bytes: BYTES, sent: count === 0 ? 1000 : 0 }),
    );
    await expect(readAll(source, BLOB)).rejects.toMatchObject({ code: 'CUT', retryable: true });
    expect(server.asked).toHaveLength(5);
  });

  it('that ends early without a cut is taken for a cut', async () => {
    const { source } = await open((request, response, count) => {
      if (count === 0) response.writeHead(200).end(BYTES.subarray(0, 100));
      else serve(request, response, count);
    });
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
  });

  it('from a registry that ignores Range is delivered without repeating a byte', async () => {
    const { source } = await open((request, response, count) => {
      if (count === 0) serveAndCut(request, response, { bytes: BYTES, sent: 123_456 });
      else ignoreRange(request, response, count);
    });
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
  });

  it.each(['bytes 5-299999/300000', 'bytes 10-299999/300001', 'bytes 10-300000/*', 'nonsense', ''])(
    'whose range comes back as "%s" is BAD_RESPONSE',
    async (range) => {
      const { source } = await open((_, response) => {
        response.writeHead(206, { 'content-range': range }).end(BYTES.subarray(10));
      });
      await expect(readAll(source, BLOB, 10)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    },
  );

  it('of another length than the manifest says is BAD_RESPONSE, announced or not', async () => {
    const announced = await open(ignoreRange);
    const short = { ...BLOB, size: BLOB.size - 1 };
    await expect(readAll(announced.source, short)).rejects.toThrow(/says 299999 bytes, the registry announces 300000/);
    const chunked = await open((_, response) => void response.writeHead(200).end(BYTES));
    await expect(readAll(chunked.source, short)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });

  it('survives 5xx and 429 before and in the middle of it', async () => {
    const { source, time } = await open((request, response, count) => {
      if (count === 0) return json(response, 500, {});
      if (count === 1) return serveAndCut(request, response, { bytes: BYTES, sent: 10 });
      if (count === 2) return json(response.setHeader('retry-after', '3'), 429, {});
      serve(request, response, count);
    });
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
    expect(time.waitsMs).toEqual([250, 250, 3000]);
  });

  it('the registry lacks is UNKNOWN_BLOB at once', async () => {
    const { source, server } = await open((_, response) => json(response, 404, { errors: [{ code: 'BLOB_UNKNOWN' }] }));
    await expect(readAll(source, BLOB)).rejects.toMatchObject({ code: 'UNKNOWN_BLOB', registryText: 'BLOB_UNKNOWN' });
    expect(server.asked).toHaveLength(1);
  });

  it('whose reader leaves early frees its connection', async () => {
    let closed: () => void;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { source } = await open((_, response) => {
      response.on('close', () => closed());
      response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1000));
    });
    for await (const _ of source.readBlob('team/a', BLOB)) break;
    await gone;
  });
});

describe('a foreign layer', () => {
  const lacks: Handler = (_, response) => json(response, 404, { errors: [{ code: 'BLOB_UNKNOWN', message: 'no' }] });

  it('is read from the registry when it has it', async () => {
    const elsewhere = await startServer(serve);
    const { source } = await open(serve);
    await readAll(source, { ...BLOB, urls: [`${elsewhere.url}/base`] });
    expect(elsewhere.asked).toEqual([]);
  });

  it('is read from its urls in order when the registry answers 404, without the login', async () => {
    const broken = await startServer(lacks);
    const elsewhere = await startServer(serve);
    const { source } = await open(
      (request, response, count) => {
        if (request.headers.authorization) return lacks(request, response, count);
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      },
      { username: 'u', password: 'p' },
    );
    const urls = [`${broken.url}/base`, 'file:///etc/passwd', `${elsewhere.url}/base`];
    expect((await readAll(source, { ...BLOB, urls }, 5)).equals(BYTES.subarray(5))).toBe(true);
    expect(broken.asked).toEqual(['GET /base']);
    expect(elsewhere.logins).toEqual([undefined]);
    expect(elsewhere.requests[0]?.headers.range).toBe('bytes=5-');
  });

  it('goes on at the next url where the one before was cut for good', async () => {
    const cutting = await startServer((request, response, count) =>
      serveAndCut(request, response, { bytes: BYTES, sent: count === 0 ? 777 : 0 }),
    );
    const elsewhere = await startServer(serve);
    const { source } = await open(lacks);
    const urls = [`${cutting.url}/a`, `${elsewhere.url}/b`];
    expect((await readAll(source, { ...BLOB, urls })).equals(BYTES)).toBe(true);
    expect(elsewhere.requests[0]?.headers.range).toBe('bytes=777-');
  });

  it('that neither the registry nor a url has is UNKNOWN_BLOB', async () => {
    const broken = await startServer(lacks);
    const { source } = await open(lacks);
    const read = readAll(source, { ...BLOB, urls: [`${broken.url}/base?sig=secret`] });
    const error = await read.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNKNOWN_BLOB', message: expect.stringContaining('foreign layer') });
    expect(String(error)).not.toContain('secret');
  });

  it('is not looked for elsewhere when the registry refuses it', async () => {
    const elsewhere = await startServer(serve);
    const { source } = await open((_, response) => json(response, 403, {}));
    const read = readAll(source, { ...BLOB, urls: [elsewhere.url] });
    await expect(read).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(elsewhere.asked).toEqual([]);
  });
});

describe('stopping', () => {
  /** Sends a little and then nothing. */
  const hang: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 10));
  };

  it('by the signal ends a read with ABORTED', async () => {
    const { source } = await open(hang);
    const controller = new AbortController();
    const read = async () => {
      for await (const _ of source.readBlob('team/a', BLOB, { signal: controller.signal })) controller.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: 'ABORTED', retryable: false });
  });

  it('by a signal that fired before asks nobody', async () => {
    const { source, server } = await open(hang);
    const read = collect(source.readBlob('team/a', BLOB, { signal: AbortSignal.abort() }));
    await expect(read).rejects.toMatchObject({ code: 'ABORTED' });
    expect(server.asked).toEqual([]);
  });

  it('by close ends what is under way with ABORTED', async () => {
    const { source } = await open(hang);
    const read = async () => {
      for await (const _ of source.readBlob('team/a', BLOB)) void source.close();
    };
    await expect(read()).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(readAll(source, BLOB)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
