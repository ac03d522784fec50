import type { Settings } from './settings.ts';
import type { WireResource } from './provider.ts';
import { minutesOf } from './time.ts';

/** Changes one field's value on its way out; lists are visited item by item first, objects field by field. */
type Visit = (value: unknown, field: string) => unknown;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Objects whose keys are the client's own: nothing in them is touched. */
const mapFields = new Set(['tags', 'customProperties', 'actionProperties', 'mappings', 'userAssignedIdentities']);

const walk = (value: unknown, visit: Visit, field = ''): unknown => {
  if (Array.isArray(value)) {
    return visit(
      value.map((item) => walk(item, visit, field)),
      field,
    );
  }
  if (!isRecord(value) || mapFields.has(field)) return visit(value, field);
  return visit(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, walk(each, visit, name)])), field);
};

const idFields = new Set([
  'id',
  'type',
  'scope',
  'scopes',
  'actionGroups',
  'roleDefinitionId',
  'resourceId',
  'functionAppResourceId',
  'automationAccountId',
  'webhookResourceId',
]);
const wordFields = new Set(['kind', 'type', 'operator', 'timeAggregation', 'criterionType', 'managedIdentity', 'status']);
const durationFields = new Set(['evaluationFrequency', 'windowSize', 'overrideQueryTimeRange', 'muteActionsDuration', 'timeToResolve']);

const idCasings: Readonly<Record<Exclude<Settings['idCasing'], 'recorded'>, (id: string) => string>> = {
  lower: (id) => id.toLowerCase(),
  upper: (id) => id.toUpperCase(),
  exported: (id) => id.replace(/\/resourceGroups\/(?<name>[^/]+)/iu, (_match, name: string) => `/resourcegroups/${name.toUpperCase()}`),
};

const casedIds =
  (cased: (id: string) => string): Visit =>
  (value, field) => {
    // A resource's `type` has a slash in it, that of an identity hasn't.
    if (typeof value === 'string') return idFields.has(field) && value.includes('/') ? cased(value) : value;
    if (field !== 'userAssignedIdentities' || !isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([id, identity]) => [cased(id), identity]));
  };

const casedWords =
  (casing: 'lower' | 'upper'): Visit =>
  (value, field) => {
    if (typeof value !== 'string' || !wordFields.has(field) || value.includes('/')) return value;
    return casing === 'lower' ? value.toLowerCase() : value.toUpperCase();
  };

const inMinutes: Visit = (value, field) => (typeof value === 'string' && durationFields.has(field) ? `PT${minutesOf(value)}M` : value);

const reversed: Visit = (value, field) =>
  Array.isArray(value) && (field === 'dimensions' || field.endsWith('Receivers')) ? value.toReversed() : value;

const withUnknownField: Visit = (value, field) =>
  isRecord(value) && !mapFields.has(field) ? { ...value, ofALaterVersion: { note: 'not in the specification yet' } } : value;

const newlineCut: Visit = (value, field) => (field === 'query' && typeof value === 'string' ? value.replace(/\r?\n$/u, '') : value);

const withoutTags: Readonly<Record<Exclude<Settings['emptyTags'], 'recorded'>, Record<string, unknown>>> = {
  absent: {},
  null: { tags: null },
  empty: { tags: {} },
};

/** What the settings do to the fields of an answer, in this order. */
const visitsOf = (settings: Settings): Visit[] => [
  ...(settings.durations === 'minutes' ? [inMinutes] : []),
  ...(settings.queryEnd === 'newlineCut' ? [newlineCut] : []),
  ...(settings.listOrder === 'reversed' ? [reversed] : []),
  ...(settings.wordCasing === 'asSent' ? [] : [casedWords(settings.wordCasing)]),
  ...(settings.idCasing === 'recorded' ? [] : [casedIds(idCasings[settings.idCasing])]),
  ...(settings.unknownFields ? [withUnknownField] : []),
];

/** A resource as the service writes it back today: the same content, in the spelling that the settings ask for. */
export const echoed = (settings: Settings, resource: WireResource): WireResource => {
  const visits = visitsOf(settings);
  const walked = visits.reduce<WireResource>((value, visit) => walk(value, visit) as WireResource, resource);
  const { tags, ...rest } = walked;
  const isWithoutTags = tags === undefined || tags === null || (isRecord(tags) && Object.keys(tags).length === 0);
  if (settings.emptyTags === 'recorded' || !isWithoutTags || !('location' in walked)) return walked;
  return { ...rest, ...withoutTags[settings.emptyTags] };
};
