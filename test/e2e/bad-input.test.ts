/**
 * Registries that fail in every way: an operator gets one clear error, what was verified is kept, and the
 * same order succeeds when the cause is gone. All tests share one site, and most run at once.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tempDir } from '../support/cleanup.ts';
import {
  type Fault,
  type FaultyRegistry,
  type FaultyRepository,
  onBlob,
  refusal,
  type Served,
  startFaultyRegistry,
} from '../support/faulty-registry.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { distributes, fails, refused, reportOf } from '../support/operator.ts';
import { type ShoalSite, startSite } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';

const MIB = 1 << 20;
const CUT_AT = 3 * MIB;
const PASSWORD = 'pass+word/of=robot';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

/** Refused when the tag is resolved: no job is made. */
const REFUSALS: { title: string; fault: Fault; code: string; says: RegExp; asks: number }[] = [
  {
    title: '401',
    fault: () => refusal(401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': 'Basic realm="r"' }),
    code: 'UNAUTHORIZED',
    says: /wants a login \(401\).* configure username and password\..*"UNAUTHORIZED: authentication required"/,
    asks: 1,
  },
  {
    title: '403',
    fault: () => refusal(403, 'DENIED', 'no pull for you'),
    code: 'FORBIDDEN',
    says: /does not let anybody without a login read it \(403\)\. Check .*"DENIED: no pull for you"/,
    asks: 1,
  },
  {
    title: '404',
    fault: () => refusal(404, 'MANIFEST_UNKNOWN', 'manifest unknown'),
    code: 'UNKNOWN_MANIFEST',
    says: /has no such image \(404\)\. Check repository and tag\..*"MANIFEST_UNKNOWN: manifest unknown"/,
    asks: 1,
  },
  {
    title: '429 and to come back in an hour',
    fault: () => refusal(429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '3600' }),
    code: 'RATE_LIMITED',
    says: /limits our rate \(429\)\. Try again later.*"TOOMANYREQUESTS: slow down"/,
    asks: 1,
  },
  {
    title: '429 for ever',
    fault: () => refusal(429, 'TOOMANYREQUESTS', 'slow down'),
    code: 'RATE_LIMITED',
    says: /limits our rate \(429\)\. Try again later/,
    asks: 5,
  },
  {
    title: '500 for ever',
    fault: () => refusal(500, 'UNKNOWN', 'disk on fire'),
    code: 'REGISTRY_FAILED',
    says: /failed \(500\)\. Its own log says why; try again later\..*"UNKNOWN: disk on fire"/,
    asks: 5,
  },
];

requireTools(['static-busybox'])('bad input', () => {
  let registry: FaultyRegistry;
  let site: ShoalSite;
  let images: TestImage[];

  beforeAll(async () => {
    registry = await startFaultyRegistry();
    const folder = await tempDir('bad-input');
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, `${PASSWORD}\n`);
    const { host, url } = registry;
    const registries = [
      { host, url },
      { host: 'private.test', url, username: 'robot', passwordFile },
    ];
    images = await Promise.all(Array.from({ length: 9 }, (_, index) => distinctImage(index)));
    site = await startSite({ registries });
    await Promise.all(['web-1', 'web-2'].map((name) => site.startAgent({ name })));
  });

  /** Takes an image that no other test has a blob of. */
  const serve = (name: string, faultOf: (image: TestImage) => Partial<Served> = () => ({})) => {
    const image = images.pop() as TestImage;
    const repository = registry.serve(`team/${name}`, { ...image, ...faultOf(image) });
    return { image, base: image.layers[0]?.digest as string, ...repository };
  };

  describe.concurrent('a registry', () => {
    // The two that take longest stand first: the others run meanwhile.
    it('that cuts at the same byte for ever fails the job; the next one resumes what was verified', async () => {
      const cut = ({ layers }: TestImage) => onBlob(String(layers[0]?.digest), () => ({ cutAt: CUT_AT }));
      const { image, reference, base, asks, asksFor, becomes } = serve('cut-for-ever', (made) => ({
        fault: cut(made),
      }));
      const { error, stderr } = await fails(site, reference, 'web-1');
      expect(error).toMatchObject({ code: 'CUT', retryable: true });
      expect(stderr).toMatch(/warning: .*again: .*was cut/);
      const before = asks.length;
      becomes({});
      const view = await distributes(site, reference, 'web-1');
      const whole = image.layers.slice(1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      expect(reportOf(view).resumedBytes).toBeGreaterThanOrEqual(CUT_AT - MIB / 4 + whole);
      expect(view.originBytes).toBeLessThan(Number(image.layers[0]?.sizeBytes) - CUT_AT + MIB);
      expect(asks.slice(before).filter(({ kind }) => kind === 'blob')).toEqual(asksFor(base).slice(-1));
      expect(error.text).toContain(base);
      expect(error.text).toMatch(/the connection was cut.*(try again|run the job again)/i);
    });

    it('that answers 500 for ever on one blob fails the job; the other blobs are not read again', async () => {
      const fault = ({ layers }: TestImage) =>
        onBlob(String(layers[1]?.digest), () => refusal(500, 'UNKNOWN', 'bad sector'));
      const { image, reference, asksFor, becomes } = serve('sector', (made) => ({ fault: fault(made) }));
      const { error, report } = await fails(site, reference, 'web-1');
      expect(error).toMatchObject({ code: 'REGISTRY_FAILED', retryable: true });
      expect(error.text).toMatch(/failed \(500\)\. Its own log says why; try again later\..*"UNKNOWN: bad sector"/);
      expect(error.text).toContain(image.layers[1]?.digest);
      expect(report.haveBytes).toBeGreaterThan(0);
      becomes({});
      const again = reportOf(await distributes(site, reference, 'web-1'));
      expect(again.resumedBytes).toBe(again.wantedBytes - Number(image.layers[1]?.sizeBytes));
      for (const { digest } of [image.layers[0], image.layers[2]] as TestImage['layers'])
        expect(asksFor(digest)).toHaveLength(1);
    });

    for (const { title, fault, code, says, asks } of REFUSALS)
      it(`that answers ${title} is quoted, no job is made, and the next order succeeds`, async () => {
        const name = `refused-${title.replaceAll(' ', '-')}`;
        const repository = registry.serve(name, { ...(images[0] as TestImage), fault });
        const error = await refused(site.shoal, ['prewarm', repository.reference, '--wait']);
        expect(error).toMatchObject({ code, source: 'registry' });
        expect(repository.asks).toHaveLength(2 * asks);
        expect(await jobsFor(repository)).toEqual([]);
        repository.becomes({});
        await distributes(site, repository.reference, 'web-2');
        expect(error.text).toMatch(says);
        expect(error.text).toContain(`${registry.host}/${name}`);
      });

    it('that does not know the tag is quoted with the tag in full', async () => {
      const { reference } = registry.serve('team/tags', images[0] as TestImage);
      const unknown = reference.replace(/:1$/, ':nope');
      const error = await refused(site.shoal, ['prewarm', unknown]);
      expect(error).toMatchObject({ code: 'UNKNOWN_MANIFEST', source: 'registry', retryable: false });
      expect(error.text).toContain(unknown);
      await distributes(site, reference, 'web-2');
    });

    it('that refuses the login and repeats it in its answer does not make us show the password', async () => {
      const basic = Buffer.from(`robot:${PASSWORD}`).toString('base64');
      registry.serve('team/secret', {
        ...(images[0] as TestImage),
        fault: ({ authorization }) =>
          refusal(401, 'UNAUTHORIZED', `not you: ${authorization} ${PASSWORD}`, {
            'www-authenticate': 'Basic realm="r"',
          }),
      });
      const error = await refused(site.shoal, ['prewarm', 'private.test/team/secret:1']);
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', source: 'registry' });
      expect(error.text).toMatch(/refused the configured username and password \(401\)\. Correct them/);
      const seen = [error.text, ...site.tracker.output].join('\n');
      for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), basic]) expect(seen).not.toContain(secret);
    });

    it('that answers 429 with Retry-After is left alone as long as it asks, then read once', async () => {
      const fault: Fault = (_, count) =>
        count === 0 ? refusal(429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '1' }) : undefined;
      const { reference, base, asksFor } = serve('busy', () => ({ fault }));
      expect((await distributes(site, reference, 'web-1')).state).toBe('done');
      for (const what of ['1', base]) {
        const [first, second, ...more] = asksFor(what);
        expect(more).toEqual([]);
        expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(990);
      }
    });

    it('that answers 500 once is asked again, and nobody notices', async () => {
      const fault: Fault = (_, count) => (count === 0 ? refusal(500, 'UNKNOWN', 'hiccup') : undefined);
      const { image, reference } = serve('hiccup', () => ({ fault }));
      const { originBytes } = await distributes(site, reference, 'web-1');
      expect(originBytes / image.imageBytes).toBeLessThan(1.05);
    });

    it('that cuts the connection in the middle of a blob is read on from there', async () => {
      const { image, reference, base, asksFor } = serve('cut', ({ layers }) => ({
        fault: onBlob(String(layers[0]?.digest), (_, count) => (count === 0 ? { cutAt: CUT_AT } : undefined)),
      }));
      const { originBytes } = await distributes(site, reference, 'web-1');
      expect(asksFor(base).map(({ offset }) => offset)).toEqual([0, CUT_AT]);
      expect(asksFor(base).reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBe(image.layers[0]?.sizeBytes);
      expect(originBytes / image.imageBytes).toBeGreaterThan(0.99);
      expect(originBytes / image.imageBytes).toBeLessThan(1.05);
    });

    it('that has the manifest but not a blob fails the job at once with what to push', async () => {
      const fault = ({ layers }: TestImage) =>
        onBlob(String(layers[2]?.digest), () => refusal(404, 'BLOB_UNKNOWN', 'blob unknown to registry'));
      const { image, reference, becomes } = serve('no-blob', (made) => ({ fault: fault(made) }));
      const { error } = await fails(site, reference, 'web-1');
      expect(error).toMatchObject({ code: 'UNKNOWN_BLOB', retryable: false });
      expect(error.text).toMatch(/does not have this blob \(404\)\. Push the image again/);
      expect(error.text).toContain(image.layers[2]?.digest);
      becomes({});
      await distributes(site, reference, 'web-1');
    });

    it('whose blob is shorter than its manifest says is refused with both sizes', async () => {
      const short = ({ layers, layout }: TestImage) => {
        const { digest, sizeBytes } = layers[0] as TestImage['layers'][0];
        const bytes = readFileSync(join(layout, 'blobs', ...digest.split(':')));
        return new Map([[String(digest), bytes.subarray(0, sizeBytes - 1)]]);
      };
      const { image, reference, becomes } = serve('short', (made) => ({ spoiled: short(made) }));
      const size = Number(image.layers[0]?.sizeBytes);
      const { error } = await fails(site, reference, 'web-1');
      expect(error).toMatchObject({ code: 'BAD_RESPONSE', retryable: false });
      expect(error.text).toContain(`says ${size} bytes, the registry announces ${size - 1}. Push the image again.`);
      becomes({});
      await distributes(site, reference, 'web-1');
    });

    it('that has the image for other platforms only is told with the platforms there are', async () => {
      const entry = { mediaType: images[0]?.manifest.mediaType, digest: images[0]?.manifest.digest, size: 700 };
      const platforms = [
        { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2113' },
        { os: 'linux', architecture: 's390x' },
      ];
      const manifests = platforms.map((platform) => ({ ...entry, platform }));
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
      const repository = registry.serve('team/other', { manifest: { bytes, mediaType: INDEX_TYPE } });
      const error = await refused(site.shoal, ['prewarm', repository.reference]);
      expect(error).toMatchObject({ code: 'NO_PLATFORM', source: 'tracker', retryable: false });
      expect(error.text).toContain(repository.reference);
      expect(error.text).toContain('there are: windows/amd64 10.0.20348.2113, linux/s390x');
      expect(await jobsFor(repository)).toEqual([]);
    });

    it('that is not there is named with what to check', async () => {
      const error = await refused(site.shoal, ['prewarm', '127.0.0.1:1/team/a:1']);
      expect(error).toMatchObject({ code: 'UNREACHABLE', source: 'registry', retryable: true });
      expect(error.text).toMatch(/127\.0\.0\.1:1.*Check that the registry is up/);
    });
  });

  const jobsFor = async ({ reference }: FaultyRepository): Promise<string[]> => {
    const jobs = await site.client.jobs();
    return jobs.flatMap(({ id, images: wanted }) =>
      wanted.some((image) => image.reference === reference) ? [id] : [],
    );
  };
});

/** No two have a blob in common. */
function distinctImage(number: number): Promise<TestImage> {
  const line = `image ${number} of bad input`;
  return makeImage({ line, baseBytes: 4 * MIB + number * 4096, middleBytes: MIB + number * 4096 });
}
