import { actionGroupActions } from './action-group-actions.ts';
import { actionGroups, actionGroupToWire } from './action-groups.ts';
import { answerAdmin } from './admin.ts';
import { alertRules, alertRuleToWire } from './alert-rules.ts';
import { createAlerts, type Alerts } from './alerts/alerts.ts';
import { createDeliveries, type Deliveries } from './alerts/delivery.ts';
import { createAssertionVerifier } from './assertion.ts';
import { createServerCertificate } from './certificates.ts';
import { clusters, maintenanceConfigurations } from './clusters.ts';
import { aboutSignIn, answerEntra, type EntraContext } from './entra.ts';
import { faultContext, type FaultableCall } from './fault-answers.ts';
import { afterWork, createFaults, faultName, insteadOfWork, slowness, type FaultEffect, type Faults } from './faults.ts';
import { aboutAddress, callerOf, createGateway, nameIn } from './gateway.ts';
import { headersOf } from './headers.ts';
import { jsonOf, type Answer, type Incoming, type Outcome } from './http.ts';
import { userAssignedIdentities } from './identities.ts';
import { createJournal, type Call, type Journal } from './journal.ts';
import type { Azure, Providers, WireResource } from './provider.ts';
import { createRateLimits } from './rate-limits.ts';
import type { StoredRoleAssignment } from './role-assignment-store.ts';
import { roleAssignments, roleAssignmentToWire } from './role-assignments.ts';
import { resourceGraph } from './resource-graph.ts';
import { startServer } from './server.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { createState } from './state.ts';
import { createTokens } from './tokens.ts';
import { asWorld, type World } from './world.ts';
import { createWorldHandle, type WorldHandle } from './world-handle.ts';

/** What to start; besides these, every field of `Settings`, each with its default there. */
export interface EmulatorOptions extends Partial<Settings> {
  readonly world: World;
  /** PEM of the authority behind the token issuer's certificate; the public ones are always trusted. */
  readonly issuerCa?: string;
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** The time by which tokens expire, things are dated and rate limits fill up, before `Emulator.clock` moves it. Default: the real one. */
  readonly clock?: () => Date;
  /** Called with every request to Azure once it has arrived, before it is looked at. The answer waits for what it returns. */
  readonly onArrival?: (incoming: Incoming) => Promise<void> | void;
  /** Called with every request to Azure once its work is done, before the answer is sent. The answer waits for what it returns. */
  readonly onAnswered?: (incoming: Incoming) => Promise<void> | void;
}

/** A role assignment, and whether it came from the world or through the handle rather than from a PUT. */
interface SeededResource extends WireResource {
  readonly isSeed: boolean;
}

/** Everything that a client can have made, as a GET would answer it. */
export interface Resources {
  readonly actionGroups: readonly WireResource[];
  readonly alertRules: readonly WireResource[];
  readonly roleAssignments: readonly SeededResource[];
}

/** A running emulator. */
export interface Emulator {
  /** `https://127.0.0.1:PORT`: authority host and Resource Manager endpoint in one. */
  readonly url: string;
  /** PEM of the authority that clients must trust, for `NODE_EXTRA_CA_CERTS` and the like. */
  readonly ca: string;
  readonly journal: Journal;
  readonly world: WorldHandle;
  readonly faults: Faults;
  /** Everything that the emulator dates, expires or counts goes by this clock; `advance` puts it forward and changes nothing else. */
  readonly clock: { readonly now: () => Date; readonly advance: (milliseconds: number) => void };
  /** Changes the given settings from the next request on; what counts or keeps something (`journalLimit`, …) is read at the start only. */
  readonly settings: { readonly set: (change: Partial<Settings>) => void };
  readonly alerts: Alerts;
  /** What alerts and test notifications have brought. `deliveries` tells of all receivers, `messages` of mails only; oldest first. */
  readonly mailbox: { readonly messages: Deliveries['mails'] } & Pick<Deliveries, 'deliveries' | 'clear'>;
  /** Deep copies, in the order of their ids. */
  readonly resources: () => Resources;
  /**
   * An access token without signing in: a shortcut for people and tests that Azure doesn't have. By default it is for Azure Resource
   * Manager and good for an hour; `expiresInSeconds` may be negative. Throws when there is no such application.
   */
  readonly mintToken: (clientId: string, options?: { audience?: string; expiresInSeconds?: number }) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** The audiences that Azure Resource Manager takes in the public cloud. */
const managementAudiences = ['https://management.azure.com', 'https://management.core.windows.net'];

/** How often rules that have fallen due by themselves are looked for. */
const evaluationTurnMilliseconds = 1000;

/** Tokens for this one can be had, so that a token with a foreign audience can be tried on Resource Manager. */
const otherResources = ['https://graph.microsoft.com'];

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === field)?.[1] : undefined;

/** ARM's code, nested or flat, or the sign-in service's number. */
const errorCodeOf = ({ status, body }: Answer): string | undefined => {
  if (status < 400) return undefined;
  const [number] = [fieldOf(body, 'error_codes')].flat();
  if (typeof number === 'number') return `AADSTS${number}`;
  const detail = fieldOf(body, 'error') ?? body;
  const code = fieldOf(detail, 'code');
  return typeof code === 'string' ? code : undefined;
};

/** What the journal says of an answer. */
const sentOf = (answer: Answer): Pick<Call, 'status' | 'errorCode' | 'retryAfterSeconds'> => {
  const retryAfter = answer.headers?.['retry-after'];
  return {
    status: answer.status,
    errorCode: errorCodeOf(answer),
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) }),
  };
};

const bodyOf = (outcome: Outcome): unknown => (typeof outcome === 'string' ? undefined : outcome.body);

/** What can be told of a request before anything is looked at. */
const faultableCall = (incoming: Incoming, providers: Providers): FaultableCall => {
  const { method, path } = incoming;
  const signIn = aboutSignIn(incoming);
  if (signIn !== undefined) return { ...signIn, method, path };
  try {
    const address = aboutAddress(incoming, providers);
    return {
      kind: 'arm',
      method,
      path,
      id: address.path?.id,
      type: address.type,
      operation: address.operation,
      subscriptionId: address.path?.subscriptionId,
      resourceGroup: address.path?.resourceGroup,
      name: nameIn(address.path, address.operation),
    };
  } catch (error) {
    if (error instanceof URIError) return { kind: 'arm', method, path };
    throw error;
  }
};

/** What the journal says of a call besides what came of it. */
type CallDetails = Omit<Call, 'sequence' | 'at' | 'method' | 'path' | 'status' | 'fault' | 'responseBody'>;

const byId = <Resource extends WireResource>(resources: readonly Resource[]): Resource[] =>
  structuredClone(resources).toSorted((left, right) => left.id.localeCompare(right.id));

const marked = (azure: Azure, assignment: StoredRoleAssignment): SeededResource => ({
  ...roleAssignmentToWire(azure, assignment),
  isSeed: assignment.isSeed,
});

/**
 * Starts an emulator of the corner of Azure that the operator talks to. Throws an error that names every mistake when the world isn't a
 * good one. Several can run side by side in one process.
 */
export const startEmulator = async (options: EmulatorOptions): Promise<Emulator> => {
  const { world, issuerCa, host = '127.0.0.1', port = 0, clock: givenClock = () => new Date(), onArrival, onAnswered, ...given } = options;
  let advancedMilliseconds = 0;
  const clock = (): Date => new Date(givenClock().getTime() + advancedMilliseconds);
  const movableClock: Emulator['clock'] = {
    now: clock,
    advance: (milliseconds) => {
      advancedMilliseconds += milliseconds;
      alerts.evaluateDue();
    },
  };
  let settings: Settings = { ...defaultSettings, ...given };
  const state = createState(asWorld(world));
  const { journal, record } = createJournal(settings.journalLimit);
  const [certificate, tokens] = await Promise.all([createServerCertificate(host), createTokens(world.tenantId, clock)]);
  const assertions = createAssertionVerifier({
    ...(issuerCa === undefined ? {} : { issuerCa }),
    clock,
    leewaySeconds: settings.assertionLeewaySeconds,
  });
  const limits = createRateLimits(clock, () => settings.throttling);
  const faults = createFaults();

  // The address is known only once the server listens, and the server needs something to serve.
  let url = '';
  const azure: Azure = {
    state,
    clock,
    get settings() {
      return settings;
    },
    get url() {
      return url;
    },
  };
  const deliveries = createDeliveries(azure);
  const alerts = createAlerts(azure, deliveries);
  const mailbox: Emulator['mailbox'] = { messages: deliveries.mails, deliveries: deliveries.deliveries, clear: deliveries.clear };
  const handle = createWorldHandle(state, clock);
  const worldHandle: WorldHandle = {
    ...handle,
    addEventRow: (row) => {
      // What is due by now looks before there is the row.
      alerts.evaluateDue();
      handle.addEventRow(row);
    },
  };
  const evaluating = setInterval(alerts.evaluateDue, evaluationTurnMilliseconds).unref();
  const audiences = (): string[] => [...managementAudiences, url];
  const entra = (): EntraContext => ({
    tenantId: state.tenantId,
    url,
    applications: state.applications,
    tokens,
    assertions,
    clock,
    accessTokenSeconds: settings.accessTokenSeconds,
    resources: [...audiences(), ...otherResources],
    federationErrors: settings.federationErrors,
  });
  const providers: Providers = {
    ofResources: [
      alertRules(azure),
      actionGroups(azure),
      ...actionGroupActions(azure, deliveries.send),
      roleAssignments(azure),
      maintenanceConfigurations(azure),
      clusters(azure),
      userAssignedIdentities(azure),
    ],
    ofTenant: [resourceGraph(azure)],
  };
  const gateway = createGateway(azure, providers, { tokens, audiences, limits });

  const resources = (): Resources => ({
    actionGroups: byId([...state.actionGroups.values()].map((group) => actionGroupToWire(azure, group))),
    alertRules: byId([...state.alertRules.values()].map((rule) => alertRuleToWire(azure, rule))),
    roleAssignments: byId([...state.roleAssignments.all()].map((assignment) => marked(azure, assignment))),
  });

  const mintToken: Emulator['mintToken'] = (clientId, { audience = managementAudiences[0] ?? url, expiresInSeconds = 3600 } = {}) => {
    const application = state.applications.get(clientId.toLowerCase());
    if (application === undefined) throw new Error(`there is no application ${clientId}`);
    return tokens.mint(application, audience, expiresInSeconds);
  };

  /** What the emulator answers of itself, with what the journal shall say of it. */
  const work = async (incoming: Incoming): Promise<{ answer: Answer; call: CallDetails }> => {
    const signIn = await answerEntra(incoming, entra());
    if (signIn !== undefined) {
      const { kind, clientId, principalId, errorCode, ...plain } = signIn;
      return {
        answer: { ...plain, headers: headersOf({ at: clock() }) },
        call: { kind, name: clientId, principalId, errorCode },
      };
    }
    const { answer: plain, limitHeaders, caller, path, type, operation, apiVersion, requestBody } = await gateway(incoming);
    const about = { type, subscriptionId: path?.subscriptionId, principalId: caller?.objectId };
    const headers = { ...headersOf({ at: clock(), ...(caller === undefined ? {} : { type }) }), ...limitHeaders, ...plain.headers };
    return {
      answer: { ...plain, headers },
      call: { kind: 'arm', ...about, operation, name: nameIn(path, operation), apiVersion, requestBody },
    };
  };

  const note = ({ method, path }: Incoming, outcome: Outcome, { requestBody, ...call }: CallDetails, fault?: string): void => {
    const sent = typeof outcome === 'string' ? { status: 0, errorCode: outcome } : sentOf(outcome);
    const bodies = settings.journalBodies && call.kind === 'arm' ? { requestBody, responseBody: bodyOf(outcome) } : {};
    record({ at: clock().toISOString(), method, path, ...call, ...sent, ...(fault === undefined ? {} : { fault }), ...bodies });
  };

  /** Carries a fault out, around the work or instead of it. */
  const answerFaulty = async (incoming: Incoming, effect: FaultEffect, about: FaultableCall): Promise<Outcome> => {
    const caller = await callerOf(incoming, tokens, audiences());
    const principalId = caller?.objectId;
    const instead = insteadOfWork(effect, faultContext(about, { principalId, tenantId: state.tenantId, url, now: clock() }));
    if (instead !== undefined) {
      const requestBody = about.kind === 'arm' ? jsonOf(incoming.body) : undefined;
      const { kind, type, operation, subscriptionId, name } = about;
      note(incoming, instead, { kind, type, operation, subscriptionId, name, principalId, requestBody }, faultName(effect));
      if (typeof instead === 'string') return instead;
      return { ...instead, headers: { ...headersOf({ at: clock(), type: about.type }), ...instead.headers } };
    }
    const { answer, call } = await work(incoming);
    const outcome = afterWork(effect, answer);
    note(incoming, outcome, call, faultName(effect));
    await slowness(effect);
    return outcome;
  };

  const answer = async (incoming: Incoming): Promise<Outcome> => {
    const about = faultableCall(incoming, providers);
    const effect = faults.take(about);
    if (effect !== undefined) return answerFaulty(incoming, effect, about);
    const worked = await work(incoming);
    note(incoming, worked.answer, worked.call);
    return worked.answer;
  };

  const server = await startServer(certificate, { host, port }, async (incoming) => {
    const admin = await answerAdmin(incoming, {
      journal,
      resources,
      mintToken,
      faults,
      clock: movableClock,
      world: worldHandle,
      alerts,
      mailbox,
      applications: state.applications,
    });
    if (admin !== undefined) return admin;
    await onArrival?.(incoming);
    const done = await answer(incoming);
    await onAnswered?.(incoming);
    return done;
  });
  url = `https://127.0.0.1:${server.port}`;
  return {
    url,
    ca: certificate.ca,
    journal,
    world: worldHandle,
    faults: { add: faults.add, clear: faults.clear },
    clock: movableClock,
    settings: {
      set: (change) => {
        alerts.evaluateDue();
        settings = { ...settings, ...change };
      },
    },
    alerts,
    mailbox,
    resources,
    mintToken,
    stop: async () => {
      clearInterval(evaluating);
      await Promise.all([server.close(), assertions.close(), deliveries.stop()]);
    },
  };
};
