/** Globs of names: `*` is any number of characters, `?` is one. In time linear in pattern × text, whatever the pattern. */

export function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let from = 0;
  /** The last star, and where in the text what follows it is tried. */
  let star = -1;
  let retry = 0;
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      retry = from;
    } else if (pattern[at] === '?' || pattern[at] === text[from]) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++retry;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
