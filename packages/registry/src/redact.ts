/**
 * Decides what of foreign text may stand in an error: short, printable, without our secrets and without the query of
 * a url (signed urls carry their key there).
 */

const MAX_QUOTE_CHARACTERS = 300;

export function cleanText(text: string, secrets: Iterable<string>): string {
  // The longest first: one secret may be part of another.
  const forms = [...secrets].flatMap((secret) => [secret, encodeURIComponent(secret)]).filter((form) => form !== '');
  forms.sort((a, b) => b.length - a.length);
  let cleaned = text;
  for (const form of forms) cleaned = cleaned.replaceAll(form, '***');
  cleaned = cleaned
    .replace(/(https?:\/\/[^\s?"']*)\?[^\s"']*/g, '$1?***')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return cleaned.length > MAX_QUOTE_CHARACTERS ? `${cleaned.slice(0, MAX_QUOTE_CHARACTERS)}…` : cleaned;
}

/** A url as it may be shown: scheme, host and path. */
export function showUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
