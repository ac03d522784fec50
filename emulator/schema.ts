import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { TestNotificationBody } from './action-group-actions.ts';
import type { GroupBody } from './action-groups.ts';
import type { RuleBody } from './alert-rules.ts';
import { invalidContent } from './errors.ts';
import type { FaultBody } from './fault-requests.ts';
import type { QueryBody } from './resource-graph.ts';
import type { RoleAssignmentBody } from './role-assignments.ts';
import actionGroup from './schemas/action-group.json' with { type: 'json' };
import actionGroupPatch from './schemas/action-group-patch.json' with { type: 'json' };
import enableReceiver from './schemas/enable-receiver.json' with { type: 'json' };
import eventRow from './schemas/event-row.json' with { type: 'json' };
import fault from './schemas/fault.json' with { type: 'json' };
import maintenanceConfiguration from './schemas/maintenance-configuration.json' with { type: 'json' };
import resourceGraphQuery from './schemas/resource-graph-query.json' with { type: 'json' };
import roleAssignment from './schemas/role-assignment.json' with { type: 'json' };
import scheduledQueryRule from './schemas/scheduled-query-rule.json' with { type: 'json' };
import scheduledQueryRulePatch from './schemas/scheduled-query-rule-patch.json' with { type: 'json' };
import testNotification from './schemas/test-notification.json' with { type: 'json' };
import world from './schemas/world.json' with { type: 'json' };
import type { EventRow, World } from './world.ts';

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, discriminator: true, verbose: true });
addFormats.default(ajv);

// Azure ignores read-only properties in requests rather than refusing them, so that what a GET gave can be PUT again. Here: they vanish.
ajv.removeKeyword('readOnly');
ajv.addKeyword({
  keyword: 'readOnly',
  schemaType: 'boolean',
  modifying: true,
  compile: (isReadOnly: boolean) => (_value, context) => {
    if (isReadOnly && context !== undefined) Reflect.deleteProperty(context.parentData, context.parentDataProperty);
    return true;
  },
});
ajv.addSchema([eventRow, maintenanceConfiguration, scheduledQueryRule]);

/** What bodies are checked against; each is a file in `schemas/`. */
export const schemas = {
  actionGroup: ajv.compile<GroupBody>(actionGroup),
  actionGroupPatch: ajv.compile<Partial<GroupBody>>(actionGroupPatch),
  alertRule: ajv.compile<RuleBody>(scheduledQueryRule),
  alertRulePatch: ajv.compile<Partial<RuleBody>>(scheduledQueryRulePatch),
  enableReceiver: ajv.compile<{ readonly receiverName: string }>(enableReceiver),
  eventRow: ajv.compile<EventRow>(eventRow),
  fault: ajv.compile<FaultBody>(fault),
  resourceGraphQuery: ajv.compile<QueryBody>(resourceGraphQuery),
  roleAssignment: ajv.compile<RoleAssignmentBody>(roleAssignment),
  testNotification: ajv.compile<TestNotificationBody>(testNotification),
  world: ajv.compile<World>(world),
};

const pathOf = ({ instancePath, keyword, params }: ErrorObject): string => {
  const parts = instancePath.split('/').slice(1);
  if (keyword === 'additionalProperties') parts.push(String(params['additionalProperty']));
  if (keyword === 'required') parts.push(String(params['missingProperty']));
  return parts
    .map((part) => (/^\d+$/u.test(part) ? `[${part}]` : `.${part.replaceAll('~1', '/').replaceAll('~0', '~')}`))
    .join('')
    .replace(/^\./u, '');
};

const sentence = (error: ErrorObject): string => {
  const path = pathOf(error);
  switch (error.keyword) {
    case 'additionalProperties':
      return `Could not find member '${String(error.params['additionalProperty'])}' on object. Path '${path}'.`;
    case 'required':
      return `Required property '${String(error.params['missingProperty'])}' not found in JSON. Path '${path}'.`;
    case 'enum':
      return `Error converting value ${JSON.stringify(error.data)}; it must be one of ${[error.params['allowedValues']].flat().join(', ')}. Path '${path}'.`;
    default:
      return `The value ${error.message ?? 'is not valid'}. Path '${path}'.`;
  }
};

/** Every mistake that a check by `schema` has just found, each with its path. */
export const mistakesOf = ({ errors }: ValidateFunction): readonly string[] => (errors ?? []).map(sentence);

/**
 * A checked copy of a request's body, without its read-only properties. Throws 400 `InvalidRequestContent` naming the first mistake and its
 * path, in the manner of the JSON reader that Azure's services use.
 */
export const checkedBody = <Body>(schema: ValidateFunction<Body>, body: unknown): Body => {
  const copy: unknown = structuredClone(body);
  if (schema(copy)) return copy;
  throw invalidContent(mistakesOf(schema)[0] ?? 'The body is not valid.');
};
