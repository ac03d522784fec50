/** JSON Schemas for kubeconform, from what a real API server says of its kinds: nothing is downloaded, and the CRDs it has are among them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from './control-plane.ts';

interface Definition {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly $ref?: string;
  readonly items?: Definition;
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly additionalProperties?: Definition | boolean;
  readonly 'x-kubernetes-group-version-kind'?: readonly { readonly group: string; readonly version: string; readonly kind: string }[];
}

/** Quantities are strings in the OpenAPI document and may be numbers all the same. */
const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';

const strict = (definition: Definition): object => {
  const { format, items, properties, additionalProperties, ...rest } = definition;
  if (format === 'int-or-string') return { type: ['integer', 'string'] };
  return {
    ...rest,
    ...(items && { items: strict(items) }),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, strict(each)])),
      additionalProperties: false,
    }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: strict(additionalProperties) }),
  };
};

/** Writes the schemas of all kinds and gives back what kubeconform's `-schema-location` takes. */
export const writeKubeSchemas = async (plane: ControlPlane, directory: string): Promise<string> => {
  const { body } = await plane.request<{ definitions: Readonly<Record<string, Definition>> }>('GET', '/openapi/v2');
  const definitions = Object.fromEntries(
    Object.entries(body.definitions).map(([name, each]) => [name, name === quantity ? { type: ['string', 'number'] } : strict(each)]),
  );
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'definitions.json'), JSON.stringify({ definitions }));
  for (const [name, definition] of Object.entries(body.definitions))
    for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
      const file = `${kind}_${group || version}_${version}.json`.toLowerCase();
      await writeFile(join(directory, file), JSON.stringify({ $ref: `definitions.json#/definitions/${name}` }));
    }
  return `${directory}/{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json`;
};
