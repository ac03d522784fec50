import type { Condition, Dimension } from '../alert-rules.ts';
import type { CompiledQuery, Row } from '../kql/compile.ts';

/** A combination of dimension values, and how many rows have it. Without dimensions there is one series: all rows. */
export interface Series {
  readonly dimensions: readonly { readonly name: string; readonly value: string }[];
  readonly count: number;
}

/** Types of columns that an alert can be split by. */
const splittable = new Set(['string', 'int', 'long', 'real', 'decimal']);

const faultOf = (columns: CompiledQuery['columns'], { name }: Dimension): string | undefined => {
  const column = columns.find((each) => each.name === name);
  if (column === undefined) return `The dimension '${name}' is not a column of the query's result.`;
  return splittable.has(column.type) ? undefined : `The dimension '${name}' is of type ${column.type}; only texts and numbers can be used.`;
};

const isWanted = ({ operator, values }: Dimension, value: string): boolean =>
  (operator === 'Exclude') !== (values.includes('*') || values.includes(value));

const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? value.toString() : '';
};

/** Tells series apart: their values, in the order of the dimensions. */
export const seriesKey = ({ dimensions }: Pick<Series, 'dimensions'>): string => JSON.stringify(dimensions.map(({ value }) => value));

/** Splits the rows of a query by the dimensions of a condition, in the order in which the combinations first occur; or says why it can't. */
export const seriesOf = (
  { dimensions = [] }: Condition,
  columns: CompiledQuery['columns'],
  rows: readonly Row[],
): readonly Series[] | { readonly fault: string } => {
  const fault = dimensions.map((dimension) => faultOf(columns, dimension)).find((each) => each !== undefined);
  if (fault !== undefined) return { fault };
  if (dimensions.length === 0) return [{ dimensions: [], count: rows.length }];
  const found = new Map<string, Series>();
  for (const row of rows) {
    const values = dimensions.map(({ name }) => ({ name, value: textOf(row[name]) }));
    if (!dimensions.every((dimension, index) => isWanted(dimension, values[index]?.value ?? ''))) continue;
    const key = seriesKey({ dimensions: values });
    found.set(key, { dimensions: values, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()];
};
