import type { MaintenanceNotificationSpec, SecretKeyReference, ValueFrom } from '../api/maintenance-notification.ts';
import type { Difference } from './difference.ts';

/** A value of a receiver that stands in a Secret. */
export interface SecretReference extends SecretKeyReference {
  /** `spec.receivers.webhook[teams].serviceUriFrom` */
  readonly field: string;
}

type Receivers = NonNullable<MaintenanceNotificationSpec['receivers']>;

const isValueFrom = (value: unknown): value is ValueFrom => typeof value === 'object' && value !== null && 'secretKeyRef' in value;

/**
 * The spec with the values of its Secrets in place: whatever a receiver takes through `…From` stands in the field of that name without the
 * ending, as if it had been written there.
 * @param valueOf is asked for each
 */
export const withSecrets = (
  spec: MaintenanceNotificationSpec,
  valueOf: (reference: SecretReference) => string,
): MaintenanceNotificationSpec => {
  const filled = (kind: string, receiver: { readonly name?: string }): object =>
    Object.fromEntries(
      Object.entries(receiver).map(([property, value]: [string, unknown]) =>
        isValueFrom(value)
          ? [
              property.replace(/From$/, ''),
              valueOf({ field: `spec.receivers.${kind}[${receiver.name ?? ''}].${property}`, ...value.secretKeyRef }),
            ]
          : [property, value],
      ),
    );
  const receivers = Object.entries(spec.receivers ?? {}).map(([kind, list]): [string, unknown] => [
    kind,
    Array.isArray(list) ? list.map((each) => filled(kind, each)) : list,
  ]);
  return spec.receivers ? { ...spec, receivers: Object.fromEntries(receivers) as Receivers } : spec;
};

/** What a spec takes from Secrets, in its order. */
export const secretReferences = (spec: MaintenanceNotificationSpec): readonly SecretReference[] => {
  const found: SecretReference[] = [];
  withSecrets(spec, (reference) => {
    found.push(reference);
    return '';
  });
  return found;
};

/** Whether nothing of an action group differs but addresses that a spec takes from Secrets: then a value was changed there. */
export const isNewValue = (spec: MaintenanceNotificationSpec, differences: readonly Difference[]): boolean => {
  const fields = secretReferences(spec).map(({ field }) => field.replace(/^spec\.(.*)From$/s, '$1').toLowerCase());
  return differences.length > 0 && differences.every(({ field }) => fields.includes(field.toLowerCase()));
};
