/** The columns of a row, with the types that the answer's table form gives them. */
const columnTypes: Readonly<Record<string, 'string' | 'object'>> = {
  id: 'string',
  name: 'string',
  type: 'string',
  tenantId: 'string',
  kind: 'string',
  location: 'string',
  resourceGroup: 'string',
  subscriptionId: 'string',
  managedBy: 'string',
  sku: 'object',
  plan: 'object',
  properties: 'object',
  tags: 'object',
  identity: 'object',
  zones: 'object',
  extendedLocation: 'object',
};

/** One row, by column. */
export type Row = Readonly<Record<string, unknown>>;

/** What a query gives. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: 'string' | 'object' }[];
  readonly rows: readonly Row[];
  /** Whether the query itself limits how many rows there are; such a result has no further pages. */
  readonly isLimited: boolean;
}

type Fault = { readonly fault: string };
type Step = (before: QueryResult) => QueryResult | Fault;

const isFault = (value: object): value is Fault => 'fault' in value;

const token =
  /\s+|\/\/[^\n]*|(?<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<word>[A-Za-z_][\w.]*|\d+)|(?<sign>==|=~|![=~\w]\w*|<=|>=|.)/gsu;

/** The tokens of each step; steps are what stands between pipes. */
const stepsOf = (query: string): string[][] => {
  const steps: string[][] = [[]];
  for (const { groups } of query.matchAll(token)) {
    const found = groups?.['text'] ?? groups?.['word'] ?? groups?.['sign'];
    if (found === '|') steps.push([]);
    else if (found !== undefined) steps.at(-1)?.push(found);
  }
  return steps;
};

const isText = (found: string): boolean => /^["']./u.test(found);
const isName = (found: string): boolean => /^[A-Za-z_]/u.test(found);

/** What a text in quotes stands for. */
const unquoted = (text: string): string =>
  text.slice(1, -1).replaceAll(/\\(?<sign>.)/gu, (_all, sign: string) => ({ n: '\n', r: '\r', t: '\t' })[sign] ?? sign);

/** The JSON that a text holds, or the text itself when it holds none. */
const opened = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
};

const inside = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;

/** The value of `column` or `column.field.field`. A column that holds JSON as a text is text by itself, and JSON when a field of it is asked for. */
const valueAt = (row: Row, path: string): unknown => {
  const [column = '', ...fields] = path.split('.');
  return fields.length === 0 ? row[column] : fields.reduce(inside, opened(row[column]));
};

const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
};

const isPartOfTerm = (character: string | undefined): boolean => /[\p{L}\p{N}]/u.test(character ?? '');

/** Whether a text has another one in it, with no letter or digit before or behind. */
const hasTerm = (text: string, term: string): boolean => {
  if (term === '') return true;
  for (let at = text.indexOf(term); at !== -1; at = text.indexOf(term, at + 1)) {
    if (!isPartOfTerm(text[at - 1]) && !isPartOfTerm(text[at + term.length])) return true;
  }
  return false;
};

const folded =
  (compare: (text: string, wanted: string) => boolean) =>
  (text: string, wanted: string): boolean =>
    compare(text.toLowerCase(), wanted.toLowerCase());

const comparisons: Readonly<Record<string, (text: string, wanted: string) => boolean>> = {
  '==': (text, wanted) => text === wanted,
  '=~': folded((text, wanted) => text === wanted),
  contains: folded((text, wanted) => text.includes(wanted)),
  startswith: folded((text, wanted) => text.startsWith(wanted)),
  has: folded(hasTerm),
};

const missing = (operator: string): Fault => ({ fault: `The emulator doesn't have the operator '${operator}'.` });
const unexpected = (found: string | undefined): Fault => ({ fault: `Unexpected: ${found === undefined ? 'end of query' : `'${found}'`}.` });

const unresolved = ({ columns }: QueryResult, path: string): Fault | undefined => {
  const [column] = path.split('.');
  return columns.some(({ name }) => name === column) ? undefined : { fault: `Failed to resolve the column '${path}'.` };
};

const where = ([column = '', operator = '', wanted = '', ...more]: readonly string[]): Step | Fault => {
  const compare = Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
  if (!isName(column) || operator === '') return unexpected(column === '' || operator === '' ? undefined : column);
  if (compare === undefined) return missing(operator === '(' ? `${column}()` : operator);
  if (!isText(wanted)) return unexpected(wanted === '' ? undefined : wanted);
  if (more[0] !== undefined) return missing(more[0]);
  return (before) =>
    unresolved(before, column) ?? {
      ...before,
      rows: before.rows.filter((row) => compare(textOf(valueAt(row, column)), unquoted(wanted))),
    };
};

const project = (tokens: readonly string[]): Step | Fault => {
  const paths = tokens.filter((_, index) => index % 2 === 0);
  const wrong = tokens.findIndex((found, index) => (index % 2 === 0 ? !isName(found) : found !== ','));
  if (wrong !== -1) return missing(tokens[wrong] === '(' ? `${tokens[wrong - 1] ?? ''}()` : (tokens[wrong] ?? ''));
  if (tokens.length % 2 === 0) return unexpected(undefined);
  return (before) => {
    const fault = paths.map((path) => unresolved(before, path)).find((each) => each !== undefined);
    if (fault !== undefined) return fault;
    // Kusto names the column of `properties.eventStatus` so.
    const named = paths.map((path) => ({ path, name: path.replaceAll('.', '_') }));
    return {
      ...before,
      columns: named.map(({ name }) => ({ name, type: columnTypes[name] ?? 'object' })),
      rows: before.rows.map((row) => Object.fromEntries(named.map(({ path, name }) => [name, valueAt(row, path) ?? null]))),
    };
  };
};

const take = ([count = '', ...more]: readonly string[]): Step | Fault => {
  if (!/^\d+$/u.test(count)) return unexpected(count === '' ? undefined : count);
  if (more[0] !== undefined) return unexpected(more[0]);
  return (before) => ({ ...before, rows: before.rows.slice(0, Number(count)), isLimited: true });
};

const operators: Readonly<Record<string, (tokens: readonly string[]) => Step | Fault>> = { where, project, take, limit: take };

const stepOf = ([operator, ...tokens]: readonly string[]): Step | Fault => {
  if (operator === undefined) return unexpected(undefined);
  return Object.hasOwn(operators, operator) ? (operators[operator]?.(tokens) ?? missing(operator)) : missing(operator);
};

/** A row as it is answered: JSON that was a text isn't one any more. */
const withProperties = (row: Row): Row => ('properties' in row ? { ...row, properties: opened(row['properties']) } : row);

/**
 * Runs a query over the rows of a table, or says what it can't do: a small part of Kusto's language. Nothing but `where` with one comparison
 * of a column with a text, `project` of columns, and `take`.
 */
export const runQuery = (query: string, table: string, rows: readonly Row[]): QueryResult | Fault => {
  const [[name, ...more] = [], ...steps] = stepsOf(query);
  if (name?.toLowerCase() === 'arg') return missing('arg()');
  if (name?.toLowerCase() !== table) return { fault: `There is no table '${name ?? ''}'.` };
  if (more[0] !== undefined) return unexpected(more[0]);
  let result: QueryResult = {
    columns: Object.entries(columnTypes).map(([column, type]) => ({ name: column, type })),
    rows,
    isLimited: false,
  };
  for (const tokens of steps) {
    const step = stepOf(tokens);
    const next = isFault(step) ? step : step(result);
    if (isFault(next)) return next;
    result = next;
  }
  return { ...result, rows: result.rows.map(withProperties) };
};
