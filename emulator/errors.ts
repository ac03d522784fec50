import { randomUUID } from 'node:crypto';
import type { Answer } from './http.ts';
import { withSevenDigits } from './time.ts';

/** The inside of an error body of Azure Resource Manager. */
export interface ErrorDetail {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
  readonly details?: readonly ErrorDetail[];
  readonly additionalInfo?: readonly { readonly type: string; readonly info: unknown }[];
}

/** A refusal on its way to the client. Thrown by whichever part refuses, turned into an answer in one place. */
export class ArmError extends Error {
  override readonly name = 'ArmError' as const;
  readonly status: number;
  readonly detail: ErrorDetail;
  readonly headers: Readonly<Record<string, string>>;
  /** `{code, message}` without the envelope `error`: how the action group service itself (not the gateway) answers, by its specification. */
  readonly flat: boolean;
  constructor(status: number, detail: ErrorDetail, options: { headers?: Readonly<Record<string, string>>; flat?: boolean } = {}) {
    super(`${detail.code}: ${detail.message}`);
    this.status = status;
    this.detail = detail;
    this.headers = options.headers ?? {};
    this.flat = options.flat ?? false;
  }

  /** The answer that carries this error. */
  answer(): Answer {
    return { status: this.status, headers: this.headers, body: this.flat ? this.detail : { error: this.detail } };
  }
}

/** Refusals that never reached a resource provider carry this header. */
const fromGateway = { headers: { 'x-ms-failure-cause': 'gateway' } };

/** 400 `BadRequest`: the request was understood, and a resource provider refuses what it asks. */
export const badRequest = (message: string): ArmError => new ArmError(400, { code: 'BadRequest', message });

/** 400 `InvalidRequestContent`; the wrapping sentence is the one that Azure puts around the reason, for values out of range too. */
export const invalidContent = (reason: string): ArmError =>
  new ArmError(400, {
    code: 'InvalidRequestContent',
    message: `The request content was invalid and could not be deserialized: '${reason}'`,
  });

/** 404 for a subscription that isn't in the world. */
export const subscriptionNotFound = (subscriptionId: string): ArmError =>
  new ArmError(404, { code: 'SubscriptionNotFound', message: `The subscription '${subscriptionId}' could not be found.` }, fromGateway);

/** 404 for a resource group that isn't there, whatever the verb: a DELETE inside a missing group isn't a 204. */
export const resourceGroupNotFound = (resourceGroup: string): ArmError =>
  new ArmError(404, { code: 'ResourceGroupNotFound', message: `Resource group '${resourceGroup}' could not be found.` }, fromGateway);

/** 404 for a resource that isn't there; `resource` is its type and name, `Microsoft.X/ys/name`. */
export const resourceNotFound = (resource: string, resourceGroup: string): ArmError =>
  new ArmError(
    404,
    {
      code: 'ResourceNotFound',
      message: `The Resource '${resource}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    },
    fromGateway,
  );

/** 403: the caller has no role with this action at this scope. */
export const authorizationFailed = (objectId: string, action: string, scope: string): ArmError =>
  new ArmError(
    403,
    {
      code: 'AuthorizationFailed',
      message:
        `The client '${objectId}' with object id '${objectId}' does not have authorization to perform action '${action}' over scope '${scope}' ` +
        'or the scope is invalid. If access was recently granted, please refresh your credentials.',
    },
    fromGateway,
  );

/**
 * 403 for role assignments: the caller has no role with this action there, or the conditions of those that it has forbid this one. Microsoft's
 * page on troubleshooting shows this one text for both.
 */
export const authorizationOrConditionFailed = (objectId: string, action: string, scope: string): ArmError =>
  new ArmError(
    403,
    {
      code: 'AuthorizationFailed',
      message:
        `The client '${objectId}' with object id '${objectId}' does not have authorization or an ABAC condition not fulfilled to perform action '${action}' ` +
        `over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    },
    fromGateway,
  );

/** 403: the caller may write the resource itself, but lacks a right on something the resource refers to. */
export const linkedAuthorizationFailed = (linked: {
  objectId: string;
  action: string;
  scope: string;
  linkedAction: string;
  linkedScope: string;
}): ArmError =>
  new ArmError(
    403,
    {
      code: 'LinkedAuthorizationFailed',
      message:
        `The client '${linked.objectId}' with object id '${linked.objectId}' has permission to perform action '${linked.action}' on scope '${linked.scope}'; ` +
        `however, it does not have permission to perform action(s) '${linked.linkedAction}' on the linked scope(s) '${linked.linkedScope}' ` +
        '(respectively) or the linked scope(s) are invalid.',
    },
    fromGateway,
  );

/** 409: a lock at the resource or above it forbids the operation. */
export const scopeLocked = (id: string, operation: 'write' | 'delete', lockedScopes: readonly string[]): ArmError =>
  new ArmError(409, {
    code: 'ScopeLocked',
    message:
      `The scope '${id}' cannot perform ${operation} operation because following scope(s) are locked: '${lockedScopes.join("','")}'. ` +
      'Please remove the lock and try again.',
  });

/** 403: an Azure Policy with the effect `deny`, assigned at `scope`. */
export const disallowedByPolicy = (resourceName: string, policyName: string, scope: string): ArmError => {
  const policyAssignmentId = `${scope}/providers/Microsoft.Authorization/policyAssignments/${policyName}`;
  const policyDefinitionId = `${scope}/providers/Microsoft.Authorization/policyDefinitions/${policyName}`;
  const identifiers = [
    { policyAssignment: { name: policyName, id: policyAssignmentId }, policyDefinition: { name: policyName, id: policyDefinitionId } },
  ];
  return new ArmError(403, {
    code: 'RequestDisallowedByPolicy',
    target: resourceName,
    message: `Resource '${resourceName}' was disallowed by policy. Policy identifiers: '${JSON.stringify(identifiers)}'.`,
    additionalInfo: [
      {
        type: 'PolicyViolation',
        info: {
          policyDefinitionDisplayName: policyName,
          policyDefinitionId,
          policyDefinitionName: policyName,
          policyDefinitionEffect: 'deny',
          policyAssignmentId,
          policyAssignmentName: policyName,
          policyAssignmentDisplayName: policyName,
          policyAssignmentScope: scope,
        },
      },
    ],
  });
};

/** 409: nobody has registered the namespace for the subscription. The flat form is Microsoft.Insights' own, with a code that says less. */
export const subscriptionNotRegistered = (subscriptionId: string, namespace: string, flat: boolean): ArmError => {
  if (flat) {
    const message = `The subscription '${subscriptionId}' is not registered to use ${namespace.toLowerCase()}.`;
    return new ArmError(409, { code: 'Conflict', message }, { flat });
  }
  const code = 'MissingSubscriptionRegistration';
  const message = `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`;
  return new ArmError(409, { code, message, details: [{ code, target: namespace, message }] });
};

/** A refusal of Resource Graph: the message is for its support, what is wrong stands in `details`. */
export const resourceGraphError = (
  status: number,
  code: string,
  details: readonly ErrorDetail[],
  at: Date,
  headers: Readonly<Record<string, string>> = {},
): ArmError => {
  const id = randomUUID();
  const message = `Please provide below info when asking for support: timestamp = ${withSevenDigits(at)}, correlationId = ${id}.`;
  return new ArmError(status, { code, message, details }, { headers: { ...headers, 'x-ms-request-id': id } });
};

/** 409: Azure Resource Manager never moves a resource to another location. */
export const locationConflict = (name: string, resourceGroup: string, there: string, wanted: string): ArmError =>
  new ArmError(409, {
    code: 'InvalidResourceLocation',
    message:
      `The resource '${name}' already exists in location '${there}' in resource group '${resourceGroup}'. ` +
      `A resource with the same name cannot be created in location '${wanted}'. Please select a new resource name.`,
  });
