/**
 * Regular expressions that strangers wrote, in time linear in pattern × text, whatever the pattern. Pure.
 * Decides the subset of Java's expressions that LIKE and UNLIKE may use here; running them is run-pattern.ts.
 * Without: look-around, back-references, word boundaries, possessive quantifiers, \p{…}, classes in classes.
 */
import { TrackerError } from '../errors.ts';

/** One instruction; `next` and `other` are places in the list. */
export type Instruction =
  | { op: 'char'; accepts: (char: string) => boolean; next: number }
  | { op: 'split'; next: number; other: number }
  | { op: 'start' | 'end'; next: number }
  | { op: 'match' };

export type Pattern = readonly Instruction[];

type Accepts = (char: string) => boolean;
type Node =
  | { type: 'char'; accepts: Accepts }
  | { type: 'start' | 'end' | 'empty' }
  | { type: 'both'; nodes: Node[] }
  | { type: 'either'; nodes: Node[] }
  | { type: 'repeat'; node: Node; min: number; max: number };

const MAX_CHARS = 1000;
const MAX_DEPTH = 50;
/** What counts like `(a{1,100}){1,100}` come to. */
const MAX_INSTRUCTIONS = 3000;
const LINE_ENDS = '\n\r\u0085\u2028\u2029';

/** Throws TrackerError BAD_CONSTRAINT. */
export function compilePattern(text: string): Pattern {
  if (text.length > MAX_CHARS) throw refused(text, `it has more than ${MAX_CHARS} characters`);
  const [, flags = ''] = /^\(\?([is]+)\)/.exec(text) ?? [];
  const reader = new Reader(text, { ignoreCase: flags.includes('i'), dotAll: flags.includes('s') });
  if (flags !== '') reader.at = flags.length + 3;
  const node = reader.either(0);
  if (reader.at < text.length) throw refused(text, 'a ")" has no "("');
  const program: Instruction[] = [];
  emit(program, node, text);
  program.push({ op: 'match' });
  return program;
}

function refused(text: string, why: string): TrackerError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new TrackerError('BAD_CONSTRAINT', `the expression ${JSON.stringify(shown)} cannot be evaluated: ${why}`);
}

class Reader {
  at = 0;
  private readonly text: string;
  private readonly flags: { ignoreCase: boolean; dotAll: boolean };

  constructor(text: string, flags: { ignoreCase: boolean; dotAll: boolean }) {
    this.text = text;
    this.flags = flags;
  }

  either(depth: number): Node {
    if (depth > MAX_DEPTH) throw refused(this.text, `its groups are nested deeper than ${MAX_DEPTH}`);
    const nodes = [this.both(depth)];
    while (this.take('|')) nodes.push(this.both(depth));
    return nodes.length === 1 ? (nodes[0] as Node) : { type: 'either', nodes };
  }

  private both(depth: number): Node {
    const nodes: Node[] = [];
    while (this.at < this.text.length && !'|)'.includes(this.peek())) nodes.push(this.repeated(this.atom(depth)));
    return { type: 'both', nodes };
  }

  private atom(depth: number): Node {
    const char = this.next();
    if (char === '(') return this.group(depth);
    if (char === '[') return this.char(this.charClass());
    if (char === '.') return this.char((one) => this.flags.dotAll || !LINE_ENDS.includes(one));
    if (char === '^') return { type: 'start' };
    if (char === '$') return { type: 'end' };
    if (char === '\\') return this.char(this.escape());
    if ('*+?{'.includes(char)) throw refused(this.text, `nothing stands before "${char}"`);
    return this.char((one) => one === char);
  }

  private group(depth: number): Node {
    if (this.take('?') && !this.take(':')) {
      const name = /^<[A-Za-z][A-Za-z0-9]*>/.exec(this.text.slice(this.at))?.[0];
      if (name === undefined) throw refused(this.text, 'look-around and flags inside it are not supported');
      this.at += name.length;
    }
    const node = this.either(depth + 1);
    if (!this.take(')')) throw refused(this.text, 'a "(" has no ")"');
    return node;
  }

  private repeated(node: Node): Node {
    const [min, max] = this.quantifier() ?? [1, 1];
    if (min === 1 && max === 1) return node;
    this.take('?'); // lazy or not, the whole text must match
    if ('*+?{'.includes(this.peek() || 'none')) throw refused(this.text, 'a quantifier stands behind a quantifier');
    return { type: 'repeat', node, min, max };
  }

  private quantifier(): [number, number] | undefined {
    if (this.take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.take('?')) return [0, 1];
    if (this.peek() !== '{') return undefined;
    const [all, min, comma, max] = /^\{(\d{1,4})(,)?(\d{1,4})?\}/.exec(this.text.slice(this.at)) ?? [];
    if (all === undefined || (comma === undefined && max !== undefined))
      throw refused(this.text, 'its {…} is no count');
    this.at += all.length;
    const least = Number(min);
    const most = max === undefined ? (comma === undefined ? least : Number.POSITIVE_INFINITY) : Number(max);
    if (most < least) throw refused(this.text, `${all} counts backwards`);
    // {1} is a quantifier too: nothing may follow it but "?".
    return [least, most];
  }

  /** Behind the `[`. */
  private charClass(): Accepts {
    const isNegated = this.take('^');
    const parts: Accepts[] = [];
    while (this.peek() !== ']' || parts.length === 0) {
      if (this.at >= this.text.length) throw refused(this.text, 'a "[" has no "]"');
      if (this.peek() === '[' || this.text.startsWith('&&', this.at))
        throw refused(this.text, 'a class in a class is not supported');
      parts.push(this.classPart());
    }
    this.at++;
    return this.cased((char) => parts.some((accepts) => accepts(char)), isNegated);
  }

  private classPart(): Accepts {
    const first = this.next();
    if (first === '\\' && /[dDwWsS]/.test(this.peek())) return this.escape();
    const low = first === '\\' ? this.escapedChar() : first;
    const isRange = this.peek() === '-' && this.text[this.at + 1] !== ']' && this.at + 1 < this.text.length;
    if (!isRange) return (char) => char === low;
    this.at++;
    const end = this.next();
    if (end === '[') throw refused(this.text, 'a class in a class is not supported');
    const high = end === '\\' ? this.escapedChar() : end;
    const [from, to] = [low.codePointAt(0) as number, high.codePointAt(0) as number];
    if (to < from) throw refused(this.text, `the range ${low}-${high} counts backwards`);
    return (char) => from <= (char.codePointAt(0) as number) && (char.codePointAt(0) as number) <= to;
  }

  /** Behind the `\`. */
  private escape(): Accepts {
    const kind = this.peek();
    const shorthand = SHORTHANDS[kind.toLowerCase()];
    if (shorthand === undefined) {
      const literal = this.escapedChar();
      return (char) => char === literal;
    }
    this.at++;
    const isNegated = kind !== kind.toLowerCase();
    return (char) => shorthand.test(char) !== isNegated;
  }

  private escapedChar(): string {
    const char = this.next();
    if (char === '') throw refused(this.text, 'it ends with "\\"');
    if (Object.hasOwn(CONTROLS, char)) return CONTROLS[char] as string;
    if (/[A-Za-z0-9]/.test(char)) throw refused(this.text, `\\${char} is not supported`);
    return char;
  }

  private char(accepts: Accepts): Node {
    return { type: 'char', accepts: this.cased(accepts, false) };
  }

  private cased(accepts: Accepts, isNegated: boolean): Accepts {
    if (!this.flags.ignoreCase) return isNegated ? (char) => !accepts(char) : accepts;
    return (char) => (accepts(char) || accepts(char.toLowerCase()) || accepts(char.toUpperCase())) !== isNegated;
  }

  private peek(): string {
    const code = this.text.codePointAt(this.at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  private next(): string {
    const char = this.peek();
    this.at += char.length;
    return char;
  }

  private take(char: string): boolean {
    if (this.peek() !== char) return false;
    this.at++;
    return true;
  }
}

const SHORTHANDS: Readonly<Record<string, RegExp>> = { d: /[0-9]/, w: /[A-Za-z0-9_]/, s: /[ \t\n\v\f\r]/ };
const CONTROLS: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function emit(program: Instruction[], node: Node, text: string): void {
  if (program.length > MAX_INSTRUCTIONS) throw refused(text, 'its counts make it too large');
  if (node.type === 'char') program.push({ op: 'char', accepts: node.accepts, next: program.length + 1 });
  else if (node.type === 'start' || node.type === 'end') program.push({ op: node.type, next: program.length + 1 });
  else if (node.type === 'both') for (const one of node.nodes) emit(program, one, text);
  else if (node.type === 'either') emitEither(program, node.nodes, text);
  else if (node.type === 'repeat') emitRepeat(program, node, text);
}

function emitEither(program: Instruction[], nodes: readonly Node[], text: string): void {
  const ends: { next: number }[] = [];
  for (const [index, node] of nodes.entries()) {
    const isLast = index === nodes.length - 1;
    const split = { op: 'split' as const, next: program.length + 1, other: program.length + 1 };
    if (!isLast) program.push(split);
    emit(program, node, text);
    const end = { op: 'split' as const, next: 0, other: 0 };
    program.push(end);
    ends.push(end);
    if (!isLast) split.other = program.length;
  }
  for (const end of ends) Object.assign(end, { next: program.length, other: program.length });
}

function emitRepeat(program: Instruction[], { node, min, max }: Node & { type: 'repeat' }, text: string): void {
  for (let count = 0; count < min; count++) emit(program, node, text);
  if (max === Number.POSITIVE_INFINITY) {
    const loop = { op: 'split' as const, next: program.length + 1, other: 0 };
    const at = program.push(loop) - 1;
    emit(program, node, text);
    program.push({ op: 'split', next: at, other: at });
    loop.other = program.length;
    return;
  }
  const skips: { other: number }[] = [];
  for (let count = min; count < max; count++) {
    const skip = { op: 'split' as const, next: program.length + 1, other: 0 };
    program.push(skip);
    skips.push(skip);
    emit(program, node, text);
  }
  for (const skip of skips) skip.other = program.length;
}
