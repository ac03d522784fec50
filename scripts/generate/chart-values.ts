import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';

export const valuesPath = 'charts/aks-notifier/values.yaml';

/** One value of the chart, or a group of them. */
export interface ChartValue {
  /** Such as `azure.clientId`. */
  readonly path: string;
  /** Its comment, in one line. */
  readonly description: string;
  readonly default: unknown;
  /** What stands in a group. Undefined for a value. */
  readonly values?: readonly ChartValue[];
}

/** Maps whose keys are the user's or Kubernetes' own: values, not groups. */
const freeMaps: ReadonlySet<string> = new Set(['metrics.grafanaDashboard.labels', 'podSecurityContext', 'resources', 'securityContext']);

/**
 * Reads values and comments of values.yaml.
 * @throws Error that names a value without a comment
 */
export function chartValues(yaml: string): readonly ChartValue[] {
  const { contents } = parseDocument(yaml);
  if (!isMap(contents)) throw new Error(`${valuesPath} holds no map`);
  return groupOf(contents, '');
}

function groupOf(map: YAMLMap, prefix: string): readonly ChartValue[] {
  return map.items.map(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error(`${valuesPath} has a key that is no word below ${prefix || 'the root'}`);
    const path = `${prefix}${String(key.value)}`;
    // What stands before the first key of a map belongs to the map, for the parser.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined);
    const description = (comment ?? '').trim().replaceAll(/\s*\n\s*/g, ' ');
    if (isMap(value) && value.items.length > 0 && !freeMaps.has(path))
      return { path, description, default: value.toJSON(), values: groupOf(value, `${path}.`) };
    if (description === '') throw new Error(`${valuesPath} says nothing about ${path}: write a comment above it`);
    return { path, description, default: map.toJSON()[String(key.value)] };
  });
}

/** All values, without the groups. */
export const leavesOf = (values: readonly ChartValue[]): readonly ChartValue[] =>
  values.flatMap((value) => (value.values ? leavesOf(value.values) : [value]));
