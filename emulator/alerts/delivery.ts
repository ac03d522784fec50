import { Agent, request } from 'undici';
import { receiverLists } from '../action-group-limits.ts';
import { deliveryFault, type Receiver, type StoredActionGroup } from '../action-groups.ts';
import type { Azure } from '../provider.ts';
import { idKey, lastSegment } from '../resource-id.ts';
import { filledIn, mailText, usualSubject } from './mail.ts';
import type { CommonAlert } from './payload.ts';

/** What is sent to the receivers of an action group. */
export interface Sending {
  /** By the emulator's clock. */
  readonly at: Date;
  /** Absent for a test notification. */
  readonly ruleId?: string;
  readonly alert: CommonAlert;
  /** May hold `${…}`, paths into the alert. Absent: as Azure writes it. */
  readonly subject?: string;
}

/** A mail as it lies in the mailbox. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly at: string;
  readonly ruleId?: string;
  readonly actionGroup: string;
  readonly monitorCondition: string;
  readonly dimensions: readonly { readonly name: string; readonly value: string }[];
  readonly isTest: boolean;
}

/** What was sent to somebody, or should have been. */
export interface Delivery {
  readonly at: string;
  /** The list of the receiver, such as `webhookReceivers`. */
  readonly kind: string;
  readonly receiver: string;
  /** An address, a phone number, a URL. */
  readonly target: string;
  readonly ruleId?: string;
  readonly actionGroup: string;
  readonly isTest: boolean;
  readonly alert: CommonAlert;
  /** The answer of whoever was called. */
  readonly status?: number;
  /** Why it didn't arrive. */
  readonly fault?: string;
}

const targetFields: Readonly<Record<string, string>> = {
  emailReceivers: 'emailAddress',
  smsReceivers: 'phoneNumber',
  voiceReceivers: 'phoneNumber',
  azureAppPushReceivers: 'emailAddress',
  webhookReceivers: 'serviceUri',
  logicAppReceivers: 'callbackUrl',
  azureFunctionReceivers: 'httpTriggerUrl',
  automationRunbookReceivers: 'serviceUri',
  eventHubReceivers: 'eventHubName',
  itsmReceivers: 'workspaceId',
  armRoleReceivers: 'roleId',
};

/** Lists whose receivers have a URL that the alert is posted to. */
const called = new Set(['webhookReceivers', 'logicAppReceivers', 'azureFunctionReceivers', 'automationRunbookReceivers']);

const textIn = (receiver: Receiver, field: string): string => {
  const value = receiver[field];
  return typeof value === 'string' ? value : '';
};

const patienceMilliseconds = 10_000;

const isOnThisMachine = (url: string): boolean =>
  URL.canParse(url) && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/u.test(new URL(url).hostname);

/** The receivers of lists, each with the name of its list. */
const addressed = (lists: Readonly<Record<string, unknown>>): { list: string; receiver: Receiver }[] =>
  receiverLists.flatMap((list) => ((lists[list] ?? []) as readonly Receiver[]).map((receiver) => ({ list, receiver })));

/** Whoever holds a role at the subscription itself, by object id: the directory has no mail addresses. */
const holders = ({ state }: Azure, subscriptionId: string, roleId: string): string[] =>
  [...state.roleAssignments.all()]
    .filter(({ scope, roleDefinitionId }) => idKey(scope) === idKey(`/subscriptions/${subscriptionId}`) && roleDefinitionId === roleId)
    .map(({ principalId }) => principalId);

/** Sends alerts to the receivers of action groups. */
export interface Deliveries {
  /** To every receiver of a group, or to those of other lists in its place. Mails are there at once; posts are made one after the other. */
  readonly send: (group: StoredActionGroup, sending: Sending, lists?: Readonly<Record<string, unknown>>) => void;
  readonly mails: () => readonly Mail[];
  readonly deliveries: () => readonly Delivery[];
  readonly clear: () => void;
  /** Waits until everything has been posted. */
  readonly settled: () => Promise<void>;
  /** Drops what hasn't been posted. */
  readonly stop: () => Promise<void>;
}

/** An empty mailbox, and nothing on its way. */
export const createDeliveries = (azure: Azure): Deliveries => {
  let mails: Mail[] = [];
  let deliveries: Delivery[] = [];
  let posts = Promise.resolve();
  const stopping = new AbortController();
  // A connection that is kept may have been closed by the other side meanwhile, and the post be lost with it.
  const dispatcher = new Agent({ pipelining: 0 });

  const post = async (delivery: Delivery): Promise<void> => {
    try {
      const { statusCode: status, body } = await request(delivery.target, {
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(delivery.alert),
        dispatcher,
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(patienceMilliseconds)]),
      });
      await body.dump();
      deliveries.push({ ...delivery, status, ...(status < 300 ? {} : { fault: `It was answered ${status}.` }) });
    } catch (error) {
      deliveries.push({ ...delivery, fault: error instanceof Error ? error.message : String(error) });
    }
  };

  const mail = (to: string, group: StoredActionGroup, { at, ruleId, alert, subject }: Sending): void => {
    const isTest = ruleId === undefined;
    const { essentials, alertContext } = alert.data;
    mails.push({
      to,
      subject: subject === undefined ? usualSubject(alert, at) : filledIn(subject, alert),
      text: mailText(alert, at, group.name, isTest),
      at: at.toISOString(),
      ...(isTest ? {} : { ruleId }),
      actionGroup: group.name,
      monitorCondition: essentials.monitorCondition,
      dimensions: alertContext.condition.allOf[0]?.dimensions ?? [],
      isTest,
    });
  };

  const deliver = (group: StoredActionGroup, sending: Sending, list: string, receiver: Receiver): void => {
    const { at, ruleId, alert } = sending;
    const name = textIn(receiver, 'name');
    const target = textIn(receiver, targetFields[list] ?? '');
    const delivery: Delivery = {
      at: at.toISOString(),
      kind: list,
      receiver: name,
      target,
      ...(ruleId === undefined ? {} : { ruleId }),
      actionGroup: group.name,
      isTest: ruleId === undefined,
      alert,
    };
    const fault = deliveryFault(group, list, name);
    if (fault !== undefined) {
      deliveries.push({ ...delivery, fault });
    } else if (called.has(list) && azure.settings.postAlerts === 'here' && !isOnThisMachine(target)) {
      deliveries.push({ ...delivery, fault: 'The emulator posts to this machine only.' });
    } else if (called.has(list)) {
      posts = posts.then(() => post(delivery));
    } else {
      deliveries.push(delivery);
      if (list === 'emailReceivers') mail(target, group, sending);
      if (list === 'armRoleReceivers')
        for (const holder of holders(azure, group.subscriptionId, lastSegment(target).toLowerCase())) mail(holder, group, sending);
    }
  };

  return {
    send: (group, sending, lists = group.body.properties) => {
      for (const { list, receiver } of addressed(lists)) deliver(group, sending, list, receiver);
    },
    mails: () => mails,
    deliveries: () => deliveries,
    clear: () => {
      mails = [];
      deliveries = [];
    },
    settled: () => posts,
    stop: async () => {
      stopping.abort();
      await posts;
      await dispatcher.close();
    },
  };
};
