/**
 * What nobody may read in a log, wherever in a line it stands: what follows the `?` of a URL and who signs in by it, signatures, tokens.
 * A JSON text stays one: no match goes beyond the end of a string.
 */
export const redact = (line: string): string =>
  line
    .replaceAll(/(\bhttps?:\/\/)[^\s"'\\/?#@]+@/gi, '$1…@')
    .replaceAll(/(\bhttps?:\/\/[^\s"'\\?#]*)[?#][^\s"'\\]*/gi, '$1?…')
    .replaceAll(/\b(sig|client_assertion|client_secret|access_token)=[^\s"'\\&]+/gi, '$1=…')
    .replaceAll(/\bBearer\s+[\w.~+/=-]+/gi, 'Bearer …')
    // A token in its usual form, wherever it comes from.
    .replaceAll(/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, '…');

const escapeCharacter = (character: string): string => {
  const escaped = JSON.stringify(character).slice(1, -1);
  return escaped === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : escaped;
};

/**
 * One line, whatever stands in it: control characters and everything else that a terminal or a reader of lines might take for the end of
 * one are escaped as in JSON. A JSON text still means the same.
 */
export const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escapeCharacter);

const shown = (value: unknown): string =>
  typeof value === 'string' && /^[\p{L}\p{N}_./:@+-]+$/u.test(value) ? value : JSON.stringify(value);

/** An entry as the logger makes it. */
interface Entry {
  readonly level: string;
  readonly ts: string;
  readonly msg?: string;
  readonly [key: string]: unknown;
}

/** `2026-01-31T08:00:00.000Z INFO  message key=value …`: a log entry for people. Values that could be misread are quoted as in JSON. */
export const consoleLine = ({ level, ts, msg = '', ...fields }: Entry): string =>
  `${ts} ${level.toUpperCase().padEnd(5)} ${msg}${Object.entries(fields)
    .map(([key, value]) => ` ${key}=${shown(value)}`)
    .join('')}`;
