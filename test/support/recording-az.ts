import { v5 } from 'uuid';

/** An Azure as far as `deploy/azure/setup.sh` sees it. */
export interface AzState {
  tenants: Record<string, string>;
  clusters: { id: string; issuer: string | null; workloadIdentity: boolean }[];
  /** Subscriptions in which Microsoft.Insights is registered. */
  registered: string[];
  identities: { id: string; clientId: string; principalId: string }[];
  credentials: { id: string; issuer: string; subject: string; audience: string }[];
  roles: { id: string; name: string; actions: string[]; notActions: string[]; dataActions: string[]; notDataActions: string[] }[];
  assignments: { id: string; scope: string; role: string; principalId: string; condition?: string }[];
  /** What fails: a command, and how many calls of it go well before. `times` absent: from then on. */
  failure?: { command: string; after: number; times?: number; message: string };
}

/** What a call of `az` ended with. */
export interface AzAnswer {
  readonly status: number;
  readonly out: string;
  readonly errors: string;
}

interface RoleDefinition {
  readonly id?: string;
  readonly name?: string;
  readonly actions: string[];
  readonly notActions: string[];
  readonly dataActions: string[];
  readonly notDataActions: string[];
  readonly assignableScopes: readonly string[];
}

class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
const refuse = (status: number, message: string): never => {
  throw new Refusal(status, message);
};
const gone = (id: string): never => refuse(3, `(ResourceNotFound) The Resource '${id}' was not found.`);
const isSame = (left: string, right: string): boolean => left.toLowerCase() === right.toLowerCase();
/** The same GUID for the same text. */
const guidOf = (text: string): string => v5(text, v5.URL);

type Options = ReadonlyMap<string, string>;
const optionsIn = (words: readonly string[]): Options => {
  const options = new Map<string, string>();
  for (let at = 0; at < words.length; at += 1) {
    const [name = '', value] = words.slice(at, at + 2);
    if (name === '--wait') options.set('wait', '');
    else {
      options.set(name.slice(2), value ?? refuse(2, `argument ${name}: expected one argument`));
      at += 1;
    }
  }
  return options;
};

/** What each command answers, one value a line; and the options that it takes. */
const commandsOf = (
  state: AzState,
  options: Options,
): Readonly<Record<string, readonly [options: string, answer: () => readonly string[]]>> => {
  const option = (name: string): string => options.get(name) ?? refuse(2, `the following arguments are required: --${name}`);
  const asked = (query: string): void => {
    if (option('query') !== query) refuse(2, `the test's az doesn't know the query ${option('query')}`);
  };
  const subscription = (): string => {
    const id = option('subscription');
    return state.tenants[id] === undefined ? refuse(1, `The subscription of '${id}' doesn't exist in cloud 'AzureCloud'.`) : id;
  };
  const identityId = (name: string): string =>
    `/subscriptions/${subscription()}/resourceGroups/${option('resource-group')}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  const role = () => JSON.parse(option('role-definition')) as RoleDefinition;

  return {
    'account show': [
      'subscription query',
      () => {
        asked('tenantId');
        return [state.tenants[subscription()]!];
      },
    ],
    'aks show': [
      'name resource-group subscription query',
      () => {
        asked('[oidcIssuerProfile.issuerUrl, to_string(securityProfile.workloadIdentity.enabled)]');
        const cluster = `/subscriptions/${subscription()}/resourceGroups/${option('resource-group')}/providers/Microsoft.ContainerService/managedClusters/${option('name')}`;
        const found = state.clusters.find(({ id }) => isSame(id, cluster)) ?? gone(cluster);
        return [found.issuer ?? 'None', found.workloadIdentity ? 'true' : 'null'];
      },
    ],
    'provider show': [
      'namespace subscription query',
      () => {
        asked('registrationState');
        return [state.registered.includes(subscription()) ? 'Registered' : 'NotRegistered'];
      },
    ],
    'provider register': [
      'namespace subscription wait',
      () => {
        state.registered.push(subscription());
        return [];
      },
    ],
    'identity show': [
      'name resource-group subscription query',
      () => {
        asked('[clientId, principalId]');
        const id = identityId(option('name'));
        const found = state.identities.find((each) => isSame(each.id, id)) ?? gone(id);
        return [found.clientId, found.principalId];
      },
    ],
    'identity create': [
      'name resource-group subscription query',
      () => {
        asked('[clientId, principalId]');
        const id = identityId(option('name'));
        const made = { id, clientId: guidOf(`client of ${id}`), principalId: guidOf(`principal of ${id}`) };
        state.identities.push(made);
        return [made.clientId, made.principalId];
      },
    ],
    'identity federated-credential show': [
      'name identity-name resource-group subscription query',
      () => {
        asked('[issuer, subject, audiences[0]]');
        const id = `${identityId(option('identity-name'))}/${option('name')}`;
        const found = state.credentials.find((each) => isSame(each.id, id)) ?? gone(id);
        return [found.issuer, found.subject, found.audience];
      },
    ],
    'identity federated-credential create': [
      'name identity-name resource-group subscription issuer subject audiences',
      () => {
        const owner = identityId(option('identity-name'));
        if (!state.identities.some((each) => isSame(each.id, owner))) gone(owner);
        const made = {
          id: `${owner}/${option('name')}`,
          issuer: option('issuer'),
          subject: option('subject'),
          audience: option('audiences'),
        };
        state.credentials = [...state.credentials.filter(({ id }) => !isSame(id, made.id)), made];
        return [];
      },
    ],
    'role definition list': [
      'name scope subscription custom-role-only query',
      () => {
        const found = state.roles.filter(({ id, name }) => name === option('name') && id.startsWith(`${option('scope')}/`));
        if (option('query') === '[].id') return found.map(({ id }) => id);
        if (option('query') === '[0].permissions[].actions[]') return found[0]?.actions ?? [];
        asked('[0].permissions[].[notActions, dataActions, notDataActions][][]');
        return found.slice(0, 1).flatMap(({ notActions, dataActions, notDataActions }) => [notActions, dataActions, notDataActions].flat());
      },
    ],
    'role definition create': [
      'role-definition subscription query',
      () => {
        asked('id');
        const { name = '', assignableScopes, actions, notActions, dataActions, notDataActions } = role();
        if (state.roles.some((each) => each.name === name))
          refuse(1, '(RoleDefinitionWithSameNameExists) A custom role with the same name exists.');
        const id = `${assignableScopes[0]}/providers/Microsoft.Authorization/roleDefinitions/${guidOf(name)}`;
        state.roles.push({ id, name, actions, notActions, dataActions, notDataActions });
        return [id];
      },
    ],
    'role definition update': [
      'role-definition subscription',
      () => {
        const { id, actions, notActions, dataActions, notDataActions } = role();
        const found = state.roles.find((each) => each.id === id) ?? refuse(1, 'No definition was found.');
        Object.assign(found, { actions, notActions, dataActions, notDataActions });
        return [];
      },
    ],
    'role assignment list': [
      'scope subscription fill-principal-name query',
      () => {
        const { principal, guid = '' } =
          /^\[\?principalId=='(?<principal>[0-9a-f-]{36})' && ends_with\(roleDefinitionId, '(?<guid>[0-9a-f-]{36})'\)\]\.\[id, condition \|\| ''\]$/u.exec(
            option('query'),
          )?.groups ?? refuse(2, `the test's az doesn't know the query ${option('query')}`);
        return state.assignments
          .filter((each) => isSame(each.scope, option('scope')) && each.principalId === principal && each.role.endsWith(guid))
          .map(({ id, condition }) => `${id}\t${condition ?? ''}`);
      },
    ],
    'role assignment create': [
      'assignee-object-id assignee-principal-type role scope subscription condition condition-version',
      () => {
        const [scope, given, principalId] = [option('scope'), option('role'), option('assignee-object-id')];
        if (!state.roles.some(({ id }) => id === given)) refuse(1, `(RoleDefinitionDoesNotExist) ${given}`);
        const [condition, version] = [options.get('condition'), options.get('condition-version')];
        if ((condition === undefined) !== (version === undefined)) refuse(2, 'a condition and its version go together');
        const id = `${scope}/providers/Microsoft.Authorization/roleAssignments/${guidOf(`${scope} ${given} ${principalId}`)}`;
        state.assignments.push({ id, scope, role: given, principalId, ...(condition === undefined ? {} : { condition }) });
        return [];
      },
    ],
    'role assignment delete': [
      'ids',
      () => {
        state.assignments = state.assignments.filter(({ id }) => id !== option('ids'));
        return [];
      },
    ],
  };
};

const failInTurn = (state: AzState, command: string): void => {
  const { failure } = state;
  if (failure?.command !== command) return;
  failure.after -= 1;
  if (failure.after >= 0) return;
  if (failure.times !== undefined) failure.times -= 1;
  if (failure.times === 0) delete state.failure;
  refuse(1, failure.message);
};

/** Carries a call out. It knows no option and no query but those that the script uses, which were tried on the real `az` 2.91. */
export const answerAz = (state: AzState, words: readonly string[]): AzAnswer => {
  const first = words.findIndex((word) => word.startsWith('--'));
  const command = words.slice(0, first).join(' ');
  try {
    const options = optionsIn(words.slice(first));
    const [known, answer] = commandsOf(state, options)[command] ?? refuse(2, `'${command}' is misspelled or not recognized by the system.`);
    const unknown = [...options.keys()].find((name) => ![...known.split(' '), 'output'].includes(name));
    if (unknown !== undefined) refuse(2, `unrecognized arguments: --${unknown}`);
    failInTurn(state, command);
    const lines = answer();
    return { status: 0, out: options.get('output') === 'none' ? '' : lines.map((line) => `${line}\n`).join(''), errors: '' };
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, out: '', errors: `ERROR: ${error.message}\n` };
    throw error;
  }
};
