import { describe, expect, it } from 'vitest';
import { DIGEST, harborCloudEvent, harborDefault, notification } from './push-bodies.testkit.ts';
import { parseHarborEvent, parseNotifications } from './push-events.ts';

const PUSH = { address: 'harbor.test', repository: 'win/app', tag: '1', digest: DIGEST };
const BY_DIGEST = { address: 'harbor.test', repository: 'win/app', digest: DIGEST };

describe.each([
  ['Default', harborDefault],
  ['CloudEvents', harborCloudEvent],
])("Harbor's webhook in the format %s", (_format, body) => {
  it('tells registry, repository, tag and digest', () => {
    expect(parseHarborEvent(body())).toEqual([PUSH]);
    expect(parseHarborEvent(body({ registry: 'harbor:8443' }))).toMatchObject([{ address: 'harbor:8443' }]);
  });

  it('has no tag for what was pushed by digest', () => {
    expect(parseHarborEvent(body({ tag: null }))).toEqual([BY_DIGEST]);
  });

  it.each(['PULL_ARTIFACT', 'harbor.artifact.deleted', 'SCANNING_COMPLETED'])('of the type %s is no push', (type) => {
    expect(parseHarborEvent(body({ type }))).toEqual([]);
  });

  it.each([{ repository: '../etc' }, { tag: 'a b' }, { digest: 'sha256:1' }])('with %j is no image', (part) => {
    expect(parseHarborEvent(body(part))).toEqual([]);
  });
});

describe("a body that is none of Harbor's", () => {
  it.each([[null], ['text'], [[]], [{}], [{ type: 'PUSH_ARTIFACT' }], [{ type: 'PUSH_ARTIFACT', event_data: [] }]])(
    'is refused: %j',
    (body) => {
      expect(() => parseHarborEvent(body)).toThrow(/the request is not what this call takes/);
    },
  );
});

describe("a registry's notification", () => {
  it('tells the address that clients use, repository, tag and digest', () => {
    expect(parseNotifications({ events: [notification()] })).toEqual([PUSH]);
    const { target, ...rest } = notification({ registry: 'reg:5000' });
    expect(parseNotifications({ events: [{ ...rest, target: { ...target, url: undefined } }] })).toMatchObject([
      { address: 'reg:5000' },
    ]);
  });

  it('has no tag for what was pushed by digest', () => {
    expect(parseNotifications({ events: [notification({ tag: null })] })).toEqual([BY_DIGEST]);
  });

  it('of a blob, a pull, a mount or a deletion is no push of an image', () => {
    const events = [
      notification({ mediaType: 'application/octet-stream' }),
      notification({ action: 'pull' }),
      notification({ action: 'mount' }),
      notification({ action: 'delete' }),
    ];
    expect(parseNotifications({ events })).toEqual([]);
  });

  it('that cannot be read does not hold up the others', () => {
    expect(parseNotifications({ events: [null, { action: 'delete' }, { action: 7 }, notification()] })).toEqual([PUSH]);
  });

  it.each([[null], [{}], [{ events: {} }]])('whose envelope is none is refused: %j', (body) => {
    expect(() => parseNotifications(body)).toThrow(/the request is not what this call takes/);
  });
});
