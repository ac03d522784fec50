import type { Condition, StoredAlertRule } from '../alert-rules.ts';
import { idKey } from '../resource-id.ts';
import { minutesOf, withSevenDigits } from '../time.ts';
import type { Notice } from './evaluation.ts';

/** What a webhook gets of a log alert. Rules of the present API versions know no other schema, whatever `useCommonAlertSchema` says. */
export interface CommonAlert {
  readonly schemaId: 'azureMonitorCommonAlertSchema';
  readonly data: {
    readonly essentials: {
      readonly alertId: string;
      readonly alertRule: string;
      /** `Sev3` */
      readonly severity: string;
      readonly signalType: 'Log';
      readonly monitorCondition: Notice['monitorCondition'];
      readonly monitoringService: 'Log Alerts V2';
      readonly alertTargetIDs: readonly string[];
      readonly configurationItems: readonly string[];
      readonly originAlertId: string;
      readonly firedDateTime: string;
      readonly resolvedDateTime?: string;
      readonly description: string;
      readonly essentialsVersion: '1.0';
      readonly alertContextVersion: '1.0';
    };
    readonly alertContext: {
      readonly properties: Readonly<Record<string, string>> | null;
      readonly conditionType: 'LogQueryCriteria';
      readonly condition: {
        readonly windowSize: string;
        readonly allOf: readonly {
          readonly searchQuery: string;
          readonly metricMeasureColumn: string | null;
          /** A list, as a text. */
          readonly targetResourceTypes: string;
          readonly operator: string;
          readonly threshold: string;
          readonly timeAggregation: string;
          readonly dimensions: readonly { readonly name: string; readonly value: string }[];
          readonly metricValue: number;
          readonly failingPeriods: { readonly numberOfEvaluationPeriods: number; readonly minFailingPeriodsToAlert: number };
        }[];
        readonly windowStartTime: string;
        readonly windowEndTime: string;
      };
    };
    readonly customProperties: Readonly<Record<string, string>> | null;
  };
}

/** `2026-11-01T12:00:00Z` */
const withoutFraction = (at: Date): string => at.toISOString().replace(/\.\d+Z$/u, 'Z');

/** `microsoft.containerservice/managedclusters` of the id of a cluster. */
export const typeOf = (id: string): string => idKey(id).split('/').slice(6, 8).join('/');

/** A notice in the common alert schema, shaped like Microsoft's samples, but without their links to the rows in the portal. */
export const commonAlert = (
  rule: Pick<StoredAlertRule, 'subscriptionId' | 'name' | 'body'>,
  condition: Condition,
  notice: Notice,
): CommonAlert => {
  const { properties } = rule.body;
  const { alertId, monitorCondition, series, firedAt, at } = notice;
  const [scope = ''] = properties.scopes ?? [];
  const windowSize = properties.windowSize ?? '';
  const customProperties = properties.actions?.customProperties ?? null;
  return {
    schemaId: 'azureMonitorCommonAlertSchema',
    data: {
      essentials: {
        alertId: `/subscriptions/${rule.subscriptionId}/providers/Microsoft.AlertsManagement/alerts/${alertId}`,
        alertRule: rule.name,
        severity: `Sev${properties.severity ?? ''}`,
        signalType: 'Log',
        monitorCondition,
        monitoringService: 'Log Alerts V2',
        alertTargetIDs: [scope.toLowerCase()],
        configurationItems: [scope.toLowerCase()],
        originAlertId: alertId,
        firedDateTime: withSevenDigits(firedAt),
        ...(monitorCondition === 'Resolved' ? { resolvedDateTime: withSevenDigits(at) } : {}),
        description: properties.description ?? '',
        essentialsVersion: '1.0',
        alertContextVersion: '1.0',
      },
      alertContext: {
        properties: customProperties,
        conditionType: 'LogQueryCriteria',
        condition: {
          windowSize,
          allOf: [
            {
              searchQuery: condition.query ?? '',
              metricMeasureColumn: null,
              targetResourceTypes: `['${typeOf(scope)}']`,
              operator: condition.operator ?? '',
              threshold: String(condition.threshold ?? 0),
              timeAggregation: condition.timeAggregation ?? '',
              dimensions: series.dimensions,
              metricValue: series.count,
              failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1, ...condition.failingPeriods },
            },
          ],
          windowStartTime: withoutFraction(new Date(at.getTime() - minutesOf(windowSize) * 60_000)),
          windowEndTime: withoutFraction(at),
        },
      },
      customProperties,
    },
  };
};
