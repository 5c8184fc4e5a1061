/**
 * The one definition of `bandwidth.yaml`: its keys, what each means, what a JSON Schema says of it, and how its value
 * is read. Decides which keys stand where. Does not know what is nonsense together; policy-nonsense.ts does.
 */
import { z } from 'zod';
import { CLASSES } from './policy.ts';
import * as values from './values.ts';
import { WINDOW_FORMS } from './window.ts';

/** A part of a JSON Schema. */
type Json = Record<string, unknown>;

const text: Json = { type: 'string', minLength: 1, maxLength: 253 };
const classes: Json = { type: 'string', enum: [...CLASSES] };
const rate: Json = {
  anyOf: [{ const: 0 }, { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*([kKmMgG]i?)?([Bb]it|B)/s\\s*$' }],
};
const percent: Json = { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*%\\s*$' };
const cap: Json = { anyOf: [...(rate.anyOf as Json[]), percent] };

/** A value that `read` judges; null and absence are told apart from a wrong one. */
function leaf<T>(json: Json, read: (value: unknown, refuse: values.Refuse) => T | undefined) {
  return z
    .unknown()
    .transform((value, context): T => {
      let refused = false;
      const refuse: values.Refuse = (message, index) => {
        refused = true;
        context.addIssue({ code: 'custom', message, path: index === undefined ? [] : [index] });
        return undefined;
      };
      if (value === undefined) refuse('is missing: write it');
      else if (value === null) refuse('is empty; give a value, or remove the key');
      const result = refused ? undefined : read(value, refuse);
      return refused ? z.NEVER : (result as T);
    })
    .meta(json);
}

function oneOrMore(item: Json, description: string): Json {
  return { description, anyOf: [item, { type: 'array', minItems: 1, uniqueItems: true, items: item }] };
}

const hostRate = (description: string) => leaf({ description, ...cap }, values.readCap).optional();
const sharedRate = (description: string) => leaf({ description, ...rate }, values.readRate).optional();

/** The keys beside `per`, for each kind of sharing. */
export const LIMIT_KEYS = {
  host: {
    download: hostRate('What each host may receive: a rate, a percentage of its link, or 0 to freeze.'),
    upload: hostRate('What each host may send: a rate, a percentage of its link, or 0 to freeze.'),
  },
  zone: {
    ingress: sharedRate('What a zone may receive from outside of it, all its hosts together.'),
    egress: sharedRate('What a zone may send to outside of it, all its hosts together.'),
  },
  fleet: {
    download: sharedRate('What all hosts together may receive.'),
    upload: sharedRate('What all hosts together may send.'),
  },
  origin: { egress: leaf({ description: 'What may leave the registry.', ...rate }, values.readRate) },
} as const;

const limit = z
  .discriminatedUnion('per', [
    z.strictObject({ per: z.literal('host'), ...LIMIT_KEYS.host }),
    z.strictObject({ per: z.literal('zone'), ...LIMIT_KEYS.zone }),
    z.strictObject({ per: z.literal('fleet'), ...LIMIT_KEYS.fleet }),
    z.strictObject({ per: z.literal('origin'), ...LIMIT_KEYS.origin }),
  ])
  .meta({ description: 'What one bucket lets through, shared by everything the rule matches.' });

const labelValue = oneOrMore(text, 'A label of the host: its value or values, with * and ? for any characters.');

/** Label names, as Kubernetes and Docker have them. */
export const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?$/;

export const MATCH_KEYS = {
  class: leaf(
    oneOrMore(classes, 'What the traffic is for; an upload counts as the class it serves.'),
    values.readClasses,
  ).optional(),
  host: leaf(oneOrMore(text, 'Names of hosts, with * and ? for any characters.'), values.readGlobs).optional(),
  address: leaf(
    oneOrMore(text, 'Address ranges such as 10.20.0.0/16 or fd00::/8, or single addresses.'),
    values.readAddresses,
  ).optional(),
};

const match = z
  .object(MATCH_KEYS)
  .catchall(leaf(labelValue, values.readGlobs))
  .meta({ description: 'What the rule is about; all of it must be so. Other keys than these three are labels.' });

const yields = z
  .strictObject({
    'keep-free': leaf(
      { description: 'How much of the link is left free beside business traffic.', ...percent },
      values.readKeepFree,
    ),
    'react-within': leaf(
      {
        description: 'How soon a rise of business traffic is made room for: 100 ms to 60 s; default 250 ms.',
        ...{ type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*(ms|s)\\s*$' },
      },
      values.readReactWithin,
    ).optional(),
  })
  .meta({ description: 'Gives way to business traffic on the same link.' });

export const RULE_KEYS = {
  name: leaf({ description: 'What the rule is called where it is told; each name once.', ...text }, values.readName),
  match: match.optional(),
  when: leaf(
    oneOrMore(text, `When it holds, on the clock of timezone: ${WINDOW_FORMS}; without it always.`),
    values.readWindows,
  ).optional(),
  limit: limit.optional(),
  yield: yields.optional(),
};

const rule = z.strictObject(RULE_KEYS).meta({ description: 'A limit, a yield, or both.' });

export const POLICY_KEYS = {
  version: leaf({ description: 'Of this format.', const: 1 }, values.readVersion),
  timezone: leaf(
    { description: 'IANA name of the zone whose clock "when" is read on, such as Asia/Shanghai.', type: 'string' },
    values.readTimezone,
  ).optional(),
  rules: z.array(rule).min(1).max(1000).meta({ description: 'Every rule that matches holds.' }),
};

export const policySchema = z.strictObject(POLICY_KEYS);

/** For editors; docs/bandwidth.schema.json is this. */
export function policyJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(policySchema, { io: 'input', target: 'draft-7' });
  return {
    $schema,
    title: 'Shoal bandwidth policy',
    description: 'bandwidth.yaml: how much of the network Shoal may use, where and when.',
    ...rest,
  };
}
