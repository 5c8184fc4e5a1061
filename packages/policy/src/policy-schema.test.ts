import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { policyJsonSchema } from './policy-schema.ts';

describe('the JSON Schema for editors', () => {
  it('is published as it is generated; "shoal policy schema" writes it', () => {
    const file = new URL('../../../docs/bandwidth.schema.json', import.meta.url);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(policyJsonSchema());
  });

  it('refuses keys it does not know, asks for what must be there and describes every key', () => {
    const { properties, required, additionalProperties } = policyJsonSchema() as Schema;
    expect([required, additionalProperties]).toEqual([['version', 'rules'], false]);
    const rule = properties?.rules?.items;
    expect([rule?.required, rule?.additionalProperties]).toEqual([['name'], false]);
    expect(rule?.properties?.yield?.required).toEqual(['keep-free']);
    expect(rule?.properties?.limit?.oneOf?.map((limit) => limit.required)).toEqual([
      ...[['per'], ['per'], ['per']],
      ['per', 'egress'],
    ]);
    for (const schema of [...Object.values(properties ?? {}), ...Object.values(rule?.properties ?? {})])
      expect(schema.description).toMatch(/\.$/);
  });
});

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  oneOf?: Schema[];
  required?: string[];
  additionalProperties?: unknown;
  description?: string;
}
