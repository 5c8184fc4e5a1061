/**
 * Marathon's placement constraints, as far as they say beforehand which hosts an app may run on. Pure.
 * CLUSTER with a value, IS, LIKE and UNLIKE do; UNIQUE, GROUP_BY, MAX_PER and CLUSTER without a value spread tasks and
 * exclude no host. Where Marathon's answer hangs on its locale, a host is kept rather than left out.
 */
import { z } from 'zod';
import { TrackerError } from '../errors.ts';
import { compilePattern } from './pattern.ts';
import { type Budget, matchesWhole } from './run-pattern.ts';

const OPERATORS = ['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'] as const;

export interface Constraint {
  field: string;
  operator: (typeof OPERATORS)[number];
  /** Empty where none was given. */
  value: string;
}

/** Where a task may land, as Marathon sees it. */
export interface Place {
  hostname: string;
  region?: string;
  zone?: string;
  /** Numbers are scalars; ranges and sets are text, `[1-3]` and `{a,b}`. */
  attributes: Readonly<Record<string, string | number>>;
}

const MAX_CONSTRAINTS = 100;
const MAX_TEXT_CHARS = 4096;
/** About half a second. */
const STEPS_A_QUESTION = 10_000_000;

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const field = z.string().min(1);
/** An app writes [field, operator, value?], a pod an object. */
const constraintSchema = z.union([
  z.tuple([field, z.string()]).transform(([name, operator]) => ({ field: name, operator, value: '' })),
  z.tuple([field, z.string(), text]).transform(([name, operator, value]) => ({ field: name, operator, value })),
  z
    .object({ fieldName: field, operator: z.string(), value: text.nullish() })
    .transform(({ fieldName, operator, value }) => ({ field: fieldName, operator, value: value ?? '' })),
]);

/** Each once. Throws TrackerError BAD_CONSTRAINT. */
export function parseConstraints(raw: unknown): Constraint[] {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw)) throw new TrackerError('BAD_CONSTRAINT', 'constraints are no list');
  const all = new Map(raw.map((one) => [JSON.stringify(one), one]));
  if (all.size > MAX_CONSTRAINTS)
    throw new TrackerError('BAD_CONSTRAINT', `there are ${all.size} constraints, at most ${MAX_CONSTRAINTS} are read`);
  return [...all].map(([shown, one]) => parseConstraint(one, shown.slice(0, 120)));
}

function parseConstraint(raw: unknown, shown: string): Constraint {
  const parsed = constraintSchema.safeParse(raw);
  if (!parsed.success) throw new TrackerError('BAD_CONSTRAINT', `${shown} is not like ["rack", "LIKE", "r[12]"]`);
  const operator = OPERATORS.find((one) => one === parsed.data.operator.toUpperCase());
  if (operator === undefined)
    throw new TrackerError('BAD_CONSTRAINT', `${shown} has an operator that is none of ${OPERATORS.join(', ')}`);
  return { ...parsed.data, operator };
}

/** Whether all of them let an app onto a place. Throws TrackerError BAD_CONSTRAINT, now or when it is asked. */
export function placeFilter(constraints: readonly Constraint[]): (place: Place) => boolean {
  const budget = { steps: STEPS_A_QUESTION };
  const filters = constraints.filter(excludes).map((constraint) => filterOf(constraint, budget));
  return (place) => filters.every((allows) => allows(place));
}

function excludes({ operator, value }: Constraint): boolean {
  return operator === 'LIKE' || operator === 'UNLIKE' || operator === 'IS' || (operator === 'CLUSTER' && value !== '');
}

function filterOf({ field: name, operator, value }: Constraint, budget: Budget): (place: Place) => boolean {
  const isRegex = operator === 'LIKE' || operator === 'UNLIKE';
  if (isRegex && value === '') return () => false; // as Marathon, with a warning in its log
  const matches = isRegex ? regexTest(value, budget) : (form: string) => form === value;
  return (place) => {
    const found = fieldOf(place, name);
    if (found === undefined) return operator === 'UNLIKE';
    if (operator === 'IS' && typeof found === 'number') return isSameNumber(found, value);
    const forms = formsOf(found);
    return operator === 'UNLIKE' ? !forms.every(matches) : forms.some(matches);
  };
}

/** Hosts share the values of most fields: each is matched once. */
function regexTest(value: string, budget: Budget): (text: string) => boolean {
  const pattern = compilePattern(value);
  const known = new Map<string, boolean>();
  return (form) => {
    const before = known.get(form);
    if (before !== undefined) return before;
    const result = matchesWhole(pattern, form.slice(0, MAX_TEXT_CHARS), budget);
    known.set(form, result);
    return result;
  };
}

function fieldOf({ hostname, region, zone, attributes }: Place, name: string): string | number | undefined {
  if (name === 'hostname' || name === '@hostname') return hostname;
  if (name === '@region') return region;
  if (name === '@zone') return zone;
  return Object.hasOwn(attributes, name) ? attributes[name] : undefined;
}

/** Marathon writes scalars by its locale (20348 as "20,348") and ranges and sets sorted, without spaces. */
function formsOf(value: string | number): string[] {
  if (typeof value === 'string') return [/^(\[.*\]|\{.*\})$/s.test(value) ? sortedItems(value) : value];
  const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 3 }).format(value);
  const plain = String(Number(value.toFixed(3)));
  return grouped === plain ? [plain] : [plain, grouped];
}

function sortedItems(value: string): string {
  const items = value
    .slice(1, -1)
    .split(',')
    .map((item) => item.trim());
  const isRange = value.startsWith('[');
  const sorted = isRange ? items.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)) : items.sort();
  return `${value[0]}${sorted.join(',')}${value.at(-1)}`;
}

/** Mesos keeps three decimals of a scalar. */
function isSameNumber(found: number, value: string): boolean {
  return value.trim() !== '' && Math.abs(found - Number(value)) < 0.0005;
}
