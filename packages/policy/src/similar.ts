/** What somebody may have meant who wrote a name that is not known. */

/** The known name with the same letters in another case, or at most two letters away; undefined when there is none. */
export function similarName(name: string, known: readonly string[]): string | undefined {
  return known.find((other) => isSimilar(name, other));
}

function isSimilar(a: string, b: string): boolean {
  return distance(a.toLowerCase(), b.toLowerCase()) <= Math.min(2, Math.floor(b.length / 2));
}

/** Levenshtein's, on names of a few letters. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a.slice(0, 64)].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
