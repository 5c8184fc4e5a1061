/** The difference of two texts by lines, as `diff -u` shows it. Pure; for files of people, not of machines. */

const CONTEXT_LINES = 3;
/** Beyond it the longest common part would take too long to find. */
const MAX_LINES = 5000;

/** Empty when they are the same. */
export function lineDiff(before: string, after: string): string {
  if (before === after) return '';
  const [old, next] = [linesOf(before), linesOf(after)];
  if (old.length > MAX_LINES || next.length > MAX_LINES)
    return `too long to compare: ${old.length} and ${next.length} lines\n`;
  const marked = compare(old, next);
  const shown = marked.map((_, at) =>
    marked.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some((line) => !line.startsWith(' ')),
  );
  const text: string[] = [];
  marked.forEach((line, at) => {
    if (shown[at]) text.push(line);
    else if (shown[at - 1]) text.push('...');
  });
  return `${text.join('\n')}\n`;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** ` ` in both, `-` only in the old one, `+` only in the new one. */
function compare(old: readonly string[], next: readonly string[]): string[] {
  const width = next.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = next.length - 1; j >= 0; j--)
      common[i * width + j] = old[i] === next[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: string[] = [];
  for (let i = 0, j = 0; i < old.length || j < next.length; ) {
    if (i < old.length && j < next.length && old[i] === next[j]) {
      lines.push(` ${old[i++]}`);
      j++;
    } else if (j === next.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) lines.push(`-${old[i++]}`);
    else lines.push(`+${next[j++]}`);
  }
  return lines;
}
