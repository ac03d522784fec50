/** The fields of our CRD's schema, and those that an object uses, as paths in which lists don't show: `spec.receivers.email.address`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { crdPath } from '../../scripts/generate/crd-template.ts';

export const root = join(import.meta.dirname, '../..');

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

export interface Field {
  readonly path: string;
  readonly name: string;
  /** The path of the field that holds it. */
  readonly parent: string;
  readonly type: string | undefined;
  /** In one line. */
  readonly description: string;
  /** Whether it holds fields of its own. */
  readonly isBranch: boolean;
}

export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

function* fieldsBelow(schema: Schema, parent: string): Generator<Field> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const path = parent === '' ? name : `${parent}.${name}`;
    const holder = field.items ?? field;
    const isBranch = holder.properties !== undefined;
    yield { path, name, parent, type: field.type, description: oneLine(field.description ?? ''), isBranch };
    yield* fieldsBelow(holder, path);
  }
}

/** The fields of spec or status. */
export const fieldsOf = async (part: 'spec' | 'status'): Promise<readonly Field[]> => {
  const crd: { spec: { versions: readonly { schema: { openAPIV3Schema: Schema } }[] } } = parse(
    await readFile(join(root, crdPath), 'utf8'),
  );
  const whole = crd.spec.versions[0]!.schema.openAPIV3Schema;
  return [...fieldsBelow(whole, '')].filter(({ path }) => path === part || path.startsWith(`${part}.`));
};

/** The paths of those that hold no fields of their own, in order. */
export const leavesOf = async (part: 'spec' | 'status'): Promise<readonly string[]> =>
  (await fieldsOf(part))
    .filter(({ isBranch }) => !isBranch)
    .map(({ path }) => path)
    .toSorted();

const maps: ReadonlySet<string> = new Set(['spec.tags', 'spec.alertRule.customProperties']);

function* leavesBelow(value: unknown, path: string): Generator<string> {
  if (typeof value !== 'object' || value === null || maps.has(path)) {
    yield path;
  } else if (Array.isArray(value)) {
    for (const item of value) yield* leavesBelow(item, path);
  } else {
    for (const [name, field] of Object.entries(value)) yield* leavesBelow(field, `${path}.${name}`);
  }
}

/** The same of a spec or status, each once. */
export const leavesIn = (part: 'spec' | 'status', value: unknown): readonly string[] => [...new Set(leavesBelow(value, part))].toSorted();
