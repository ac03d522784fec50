import { parse } from 'yaml';
import { crdPath } from './crd-template.ts';

/** The name of each type that deserves one, by its place in the schema; `[]` stands for the items of a list. Places of equal shape may share. */
const names: Readonly<Record<string, string>> = {
  '.spec': 'MaintenanceNotificationSpec',
  '.spec.upgradeTypes[]': 'UpgradeType',
  '.spec.statuses[]': 'MaintenanceStatus',
  '.spec.receivers': 'Receivers',
  '.spec.receivers.email[]': 'EmailReceiver',
  '.spec.receivers.sms[]': 'PhoneReceiver',
  '.spec.receivers.voice[]': 'PhoneReceiver',
  '.spec.receivers.webhook[]': 'WebhookReceiver',
  '.spec.receivers.webhook[].serviceUriFrom': 'ValueFrom',
  '.spec.receivers.webhook[].serviceUriFrom.secretKeyRef': 'SecretKeyReference',
  '.spec.receivers.armRole[]': 'ArmRoleReceiver',
  '.spec.receivers.azureApp[]': 'AzureAppReceiver',
  '.spec.receivers.logicApp[]': 'LogicAppReceiver',
  '.spec.receivers.logicApp[].callbackUrlFrom': 'ValueFrom',
  '.spec.receivers.logicApp[].callbackUrlFrom.secretKeyRef': 'SecretKeyReference',
  '.spec.receivers.azureFunction[]': 'AzureFunctionReceiver',
  '.spec.receivers.azureFunction[].httpTriggerUrlFrom': 'ValueFrom',
  '.spec.receivers.azureFunction[].httpTriggerUrlFrom.secretKeyRef': 'SecretKeyReference',
  '.spec.receivers.automationRunbook[]': 'AutomationRunbookReceiver',
  '.spec.receivers.automationRunbook[].serviceUriFrom': 'ValueFrom',
  '.spec.receivers.automationRunbook[].serviceUriFrom.secretKeyRef': 'SecretKeyReference',
  '.spec.receivers.eventHub[]': 'EventHubReceiver',
  '.spec.receivers.itsm[]': 'ItsmReceiver',
  '.spec.alertRule': 'AlertRuleSpec',
  '.spec.alertRule.evaluationFrequency': 'EvaluationFrequency',
  '.spec.placement': 'PlacementSpec',
  '.spec.identity': 'IdentitySpec',
  '.spec.identity.type': 'IdentityType',
  '.spec.readerScopes[]': 'ReaderScope',
  '.spec.conflictPolicy': 'ConflictPolicy',
  '.spec.deletionPolicy': 'DeletionPolicy',
  '.status': 'MaintenanceNotificationStatus',
  '.status.conditions[]': 'Condition',
  '.status.conditions[].status': 'ConditionStatus',
  '.status.resources[]': 'ResourceRecord',
  '.status.resources[].kind': 'ResourceKind',
  '.status.resources[].state': 'ResourceState',
  '.status.readerAssignments[]': 'ReaderAssignment',
  '.status.cluster': 'ClusterFacts',
  '.status.cluster.maintenanceWindows[]': 'MaintenanceWindow',
  '.status.testNotification': 'TestNotification',
  '.status.testNotification.receivers[]': 'TestedReceiver',
};

interface Schema {
  readonly type: 'array' | 'boolean' | 'integer' | 'object' | 'string';
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
}

interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** What the API server says of every object and a CRD doesn't spell out. */
const objectMeta = `/** What the API server says of an object itself, as far as the operator reads it. Times are RFC 3339. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  /** There from the moment somebody asked for the deletion. */
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
`;

/** A comment that fits into 120 columns, in one line where it can. */
function comment(text: string | undefined, indent: string): string {
  if (text === undefined) return '';
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + last.length + word.length < 110) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  if (lines.length === 1) return `${indent}/** ${lines.join('')} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

function withoutComments(source: string): string {
  return source.replaceAll(/ *\/\*\*.*?\*\/\n/gs, '');
}

/** Collects the declarations of the named types while it writes down the unnamed ones in place. */
class TypeScript {
  readonly #declarations = new Map<string, string>();
  readonly #unseen = new Set(Object.keys(names));

  /** The words for the type at a place: its name, which it declares on the way, or its shape. */
  type(schema: Schema, place: string): string {
    const name = names[place];
    if (name === undefined) return this.#shape(schema, place);
    this.#unseen.delete(place);
    const known = this.#declarations.get(name);
    // Takes its turn before what it holds, so that the outer declarations come first.
    if (known === undefined) this.#declarations.set(name, '');
    const shape = this.#shape(schema, place);
    const declaration = shape.startsWith('{') ? `export interface ${name} ${shape}\n` : `export type ${name} = ${shape};\n`;
    if (known === undefined) {
      this.#declarations.set(name, declaration);
    } else if (withoutComments(known) !== withoutComments(declaration)) {
      throw new Error(`${place} isn't of the same shape as the other ${name}: give it a name of its own in scripts/generate/types.ts`);
    }
    return name;
  }

  declarations(): string[] {
    if (this.#unseen.size > 0) {
      throw new Error(`scripts/generate/types.ts names places that ${crdPath} doesn't have: ${[...this.#unseen].join(', ')}`);
    }
    return [...this.#declarations.values()];
  }

  #shape(schema: Schema, place: string): string {
    if (schema.type === 'boolean') return 'boolean';
    if (schema.type === 'integer') return 'number';
    if (schema.type === 'string') return schema.enum?.map((word) => `'${word}'`).join(' | ') ?? 'string';
    if (schema.items !== undefined) return `readonly ${this.type(schema.items, `${place}[]`)}[]`;
    if (schema.additionalProperties !== undefined) {
      return `Readonly<Record<string, ${this.type(schema.additionalProperties, `${place}{}`)}>>`;
    }
    return this.#members(schema, place);
  }

  #members(schema: Schema, place: string): string {
    const members = Object.entries(schema.properties ?? {}).map(([name, property]) => {
      const optional = schema.required?.includes(name) === true ? '' : '?';
      return `${comment(property.description, '  ')}  readonly ${name}${optional}: ${this.type(property, `${place}.${name}`)};\n`;
    });
    return `{\n${members.join('')}}`;
  }
}

/** The TypeScript types of the kind that the CRD describes: its shapes and words, without what only the API server can judge. */
export function types(crd: string): string {
  const { spec }: Crd = parse(crd);
  const [version, ...others] = spec.versions;
  if (version === undefined || others.length > 0) throw new Error(`${crdPath} must have exactly one version`);
  const schema = version.schema.openAPIV3Schema;
  const { spec: wish, status } = schema.properties ?? {};
  if (wish === undefined || status === undefined) throw new Error(`${crdPath} must describe spec and status`);

  const typescript = new TypeScript();
  const kind = `${comment(schema.description, '')}export interface ${spec.names.kind} {
  readonly apiVersion: '${spec.group}/${version.name}';
  readonly kind: '${spec.names.kind}';
  readonly metadata: ObjectMeta;
${comment(wish.description, '  ')}  readonly spec: ${typescript.type(wish, '.spec')};
${comment(status.description, '  ')}  readonly status?: ${typescript.type(status, '.status')};
}
`;
  const header = `// Generated by scripts/generate.ts from ${crdPath}. Don't edit it here.\n`;
  return [header, kind, objectMeta, ...typescript.declarations()].join('\n');
}
