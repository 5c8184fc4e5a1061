/** Amounts and times as people read them. Decimal units, as disks and links are sold. */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

export function bytesText(bytes: number): string {
  const unit = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** unit;
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function rateText(bytesPerSecond: number): string {
  return `${bytesText(bytesPerSecond)}/s`;
}

/** `45 s`, `12 min`, `3 h 05 min`, `2 d 4 h`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function percentText(part: number, whole: number): string {
  return whole === 0 ? '–' : `${Math.floor((part * 100) / whole)} %`;
}

/** host-9 before host-10. A collator says so, too, and takes a tenth of a second for ten thousand names. */
export function inOrder<T extends { name: string }>(named: readonly T[]): T[] {
  const keyOf = (name: string) => name.toLowerCase().replaceAll(/\d+/g, (digits) => digits.padStart(10, '0'));
  return named
    .map((one) => ({ one, key: keyOf(one.name) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ one }) => one);
}

/** The last parts of a reference: registries are long and all the same. */
export function shortReference(reference: string): string {
  const slash = reference.indexOf('/');
  const first = reference.slice(0, slash);
  return slash > 0 && /[.:]|^localhost$/.test(first) ? reference.slice(slash + 1) : reference;
}
