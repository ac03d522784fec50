import { type ChartValue, chartValues, leavesOf, valuesPath } from './chart-values.ts';

type Schema = Readonly<Record<string, unknown>>;

const notEmpty: Schema = { type: 'string', minLength: 1 };
const port: Schema = { type: 'integer', minimum: 1, maximum: 65535 };
const atLeast = (minimum: number): Schema => ({ type: 'integer', minimum });
const duration: Schema = { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$' };
const prometheusDuration: Schema = { type: 'string', pattern: '^(([0-9]+(ms|[smhdwy]))+|0)?$' };
const words = (...all: readonly string[]): Schema => ({ type: 'string', enum: all });
/** The templates refuse what is wrong here, with a sentence that says more. */
const checkedByTemplates: Schema = {};

/** What the default of a value doesn't say about it, by its path. */
const constraints: Readonly<Record<string, Schema>> = {
  'image.repository': notEmpty,
  'image.digest': { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
  'image.pullPolicy': words('Always', 'IfNotPresent', 'Never'),
  'leaderElection.leaseDuration': duration,
  'leaderElection.renewDeadline': duration,
  'leaderElection.retryPeriod': duration,
  'livenessProbe.failureThreshold': atLeast(1),
  'livenessProbe.initialDelaySeconds': atLeast(0),
  'livenessProbe.periodSeconds': atLeast(1),
  'livenessProbe.timeoutSeconds': atLeast(1),
  'metrics.podMonitor.interval': prometheusDuration,
  'metrics.podMonitor.scrapeTimeout': prometheusDuration,
  'metrics.port': port,
  'metrics.prometheusRule.runbookBaseUrl': notEmpty,
  'metrics.serviceMonitor.interval': prometheusDuration,
  'metrics.serviceMonitor.scrapeTimeout': prometheusDuration,
  'podDisruptionBudget.maxUnavailable': {
    oneOf: [atLeast(1), { type: 'string', pattern: '^([1-9][0-9]?|100)%$' }],
  },
  'podDisruptionBudget.unhealthyPodEvictionPolicy': words('AlwaysAllow', 'IfHealthyBudget'),
  'readinessProbe.failureThreshold': atLeast(1),
  'readinessProbe.initialDelaySeconds': atLeast(0),
  'readinessProbe.periodSeconds': atLeast(1),
  'readinessProbe.timeoutSeconds': atLeast(1),
  'receiverSecrets.namespaces': checkedByTemplates,
  'allowedScopes.all': checkedByTemplates,
  'allowedScopes.namespaces': checkedByTemplates,
  concurrency: { type: 'integer', minimum: 1, maximum: 64 },
  // Beside these what else a variable may have: valueFrom.
  extraEnv: { type: 'array', items: { type: 'object', required: ['name'], properties: { name: notEmpty, value: { type: 'string' } } } },
  healthPort: port,
  httpsProxy: { type: 'string', pattern: '^(https?://[^/\\s]+/?)?$' },
  // `--set` makes a number of what looks like one.
  installationId: { type: ['string', 'integer'] },
  interval: duration,
  logLevel: words('trace', 'debug', 'info', 'warn', 'error'),
  replicaCount: atLeast(0),
  // The program gives up on its own stop after 15 s.
  terminationGracePeriodSeconds: atLeast(16),
  watchNamespaces: checkedByTemplates,
};

/** Groups that may be taken away by null as far as the schema is concerned: the templates say more about it. */
const groupsCheckedByTemplates: ReadonlySet<string> = new Set(['allowedScopes', 'receiverSecrets']);

const stringMaps = /(^|\.)(annotations|labels|commonLabels|podAnnotations|podLabels|nodeSelector)$/;
const stringLists: ReadonlySet<string> = new Set(['extraArgs']);

/**
 * The chart's values.schema.json. Strict below the root, so that a typo is refused; at the root it allows what a chart around this one may
 * set: `enabled`, and anything in `global`.
 * @throws Error that names a constraint whose value is gone
 */
export function chartSchema(yaml: string): string {
  const values = chartValues(yaml);
  const paths = new Set(leavesOf(values).map(({ path }) => path));
  const gone = Object.keys(constraints).filter((path) => !paths.has(path));
  if (gone.length > 0) throw new Error(`scripts/generate/chart-schema.ts names values that ${valuesPath} doesn't have: ${gone.join(', ')}`);
  const root = groupSchema(values);
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of aks-notifier',
    ...root,
    properties: {
      ...root.properties,
      enabled: { description: 'For the condition of a chart around this one. Not read here.', type: 'boolean' },
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

interface GroupSchema {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, Schema>>;
}

function groupSchema(values: readonly ChartValue[]): GroupSchema {
  // Null takes a value away. Where nothing is a value too, that does no harm; elsewhere templates would break in words that help nobody.
  const required = values.filter(isRequired).map(({ path }) => nameOf(path));
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(
      values.map((value) => [
        nameOf(value.path),
        {
          ...(value.description !== '' && { description: value.description }),
          ...schemaOf(value),
        },
      ]),
    ),
  };
}

function schemaOf(value: ChartValue): Schema {
  // Shared with charts that mean other things by the same names.
  if (value.path === 'global') return { type: 'object' };
  return value.values ? { ...groupSchema(value.values) } : leafSchema(value);
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

const mayBeNothing: ReadonlySet<string> = new Set(['resources', 'topologySpreadConstraints', 'podSecurityContext', 'securityContext']);

function isRequired({ path, default: value, values }: ChartValue): boolean {
  if (values) return !groupsCheckedByTemplates.has(path);
  return !isEmpty(value) && !mayBeNothing.has(path) && !path.endsWith('.labels');
}

function leafSchema({ path, default: value }: ChartValue): Schema {
  const own = constraints[path];
  if (own) return own;
  if (stringMaps.test(path)) return { type: 'object', additionalProperties: { type: 'string' } };
  if (stringLists.has(path)) return { type: 'array', items: { type: 'string' } };
  // A whole object of Kubernetes may also be given as a text with templates in it.
  if (path === 'extraObjects') return { type: 'array', items: { type: ['object', 'string'] } };
  if (Array.isArray(value)) return { type: 'array', items: { type: 'object' } };
  if (typeof value === 'number') return { type: 'integer' };
  return { type: typeof value };
}
