/** Fewer characters of a secret in a row say nothing. */
const pieceLength = 12;
/** Anything shorter may well be part of a word that is no secret. */
const leastLength = 8;
const hidden = '(hidden)';

// Only ASCII, so that a text keeps its length.
const small = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());

const escapedAsJson = (text: string): string =>
  text.replaceAll(/[&+<>'"\\]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);

/** What is percent-encoded in readable letters; the rest stays as it is. */
const decoded = (text: string): string =>
  text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });

/**
 * A secret as texts may show it: as it is, as part of JSON, of a URL or of HTML. The scheme of a URL is no secret; what follows that of a
 * very short one may stand in any word, and is looked for with the scheme only.
 */
const formsOf = (secret: string): readonly string[] => {
  const bare = secret.replace(/^https?:\/\//i, '');
  if (bare.length < leastLength) return [secret];
  const normal = URL.canParse(secret) ? new URL(secret).href.replace(/^https?:\/\//, '') : bare;
  return [bare, normal, decoded(bare)]
    .flatMap((text) => [
      text,
      JSON.stringify(text).slice(1, -1),
      escapedAsJson(text),
      encodeURIComponent(text),
      text.replaceAll('&', '&amp;'),
    ])
    .filter(({ length }) => length >= leastLength);
};

/** Every row of twelve characters in a text. */
const rowsOf = (text: string): readonly string[] =>
  Array.from({ length: Math.max(0, text.length - pieceLength + 1) }, (_, start) => text.slice(start, start + pieceLength));

/** The pieces of the forms that are in the texts; a short form is one piece. Others are not gathered: forms are long, and texts short. */
const piecesIn = (texts: readonly string[], forms: readonly string[]): ReadonlySet<string> => {
  const rows = new Set(texts.flatMap(rowsOf));
  const pieces = new Set<string>();
  for (const form of forms) {
    if (form.length < pieceLength) {
      if (form !== '' && texts.some((text) => text.includes(form))) pieces.add(form);
      continue;
    }
    for (let at = 0; at + pieceLength <= form.length; at += 1) {
      const row = form.slice(at, at + pieceLength);
      if (rows.has(row)) pieces.add(row);
    }
  }
  return pieces;
};

/**
 * The texts without whatever of the secrets is in them, also where only a part of one is: others cut texts, drop what follows a `?`, and
 * write characters in other ways. Long secrets make this dear, and many texts not much dearer than one.
 */
export const redactAll = (texts: readonly string[], secrets: readonly string[]): readonly string[] => {
  const pieces = piecesIn(texts.map(small), [...new Set(secrets.flatMap(formsOf).map(small))]);
  return pieces.size === 0 ? texts : texts.map((text) => without(text, pieces));
};

/** The same for one text. */
export const redact = (text: string, secrets: readonly string[]): string => redactAll([text], secrets)[0] ?? '';

const without = (text: string, pieces: ReadonlySet<string>): string => {
  const searched = small(text);
  const lengths = [...new Set([...pieces].map(({ length }) => length))];
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
