/** Fewer characters of a secret in a row say nothing. */
const pieceLength = 12;
const hidden = '(hidden)';

// Only ASCII, so that a text keeps its length.
const small = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());

const escapedAsJson = (text: string): string =>
  text.replaceAll(/[&+<>'"\\]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);

/** A secret as texts may show it: as it is, as part of JSON, of a URL or of HTML. The scheme of a URL is no secret. */
const formsOf = (secret: string): readonly string[] => {
  const bare = secret.replace(/^https?:\/\//i, '') || secret;
  const normal = URL.canParse(secret) ? new URL(secret).href.replace(/^https?:\/\//, '') : bare;
  return [bare, normal, JSON.stringify(bare).slice(1, -1), escapedAsJson(bare), encodeURIComponent(bare), bare.replaceAll('&', '&amp;')];
};

const piecesOf = (form: string): readonly string[] => {
  if (form.length <= pieceLength) return form === '' ? [] : [form];
  return Array.from({ length: form.length - pieceLength + 1 }, (_, start) => form.slice(start, start + pieceLength));
};

/**
 * The text without whatever of the secrets is in it, also where only a part of one is: others cut texts, drop what follows a `?`, and
 * write characters in other ways.
 */
export const redact = (text: string, secrets: readonly string[]): string => {
  const pieces = new Set([...new Set(secrets.flatMap(formsOf).map(small))].flatMap(piecesOf));
  if (pieces.size === 0) return text;
  const lengths = [...new Set([...pieces].map(({ length }) => length))];
  const searched = small(text);
  let redacted = '';
  /** Up to here everything belongs to a piece. */
  let end = 0;
  for (let at = 0; at < text.length; at += 1) {
    const found = lengths.filter((length) => pieces.has(searched.slice(at, at + length)));
    const isBehind = at >= end;
    if (found.length > 0) {
      if (isBehind && !(at === end && redacted.endsWith(hidden))) redacted += hidden;
      end = Math.max(end, at + Math.max(...found));
    } else if (isBehind) redacted += text[at];
  }
  return redacted;
};
