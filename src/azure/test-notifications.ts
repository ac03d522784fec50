import type { ActionGroup } from '../core/action-group.ts';
import { ReconcileError, signInReasons } from '../core/failure.ts';
import { resourceIdOf } from '../core/resource-id.ts';
import type { TestAnswer, TestSent } from '../core/test-notification.ts';
import { toAzure } from './action-groups.ts';
import { readAzureError } from './failure.ts';
import { absentIfNotFound, type Session } from './session.ts';

/** Test notices through an action group. Neither call waits for Azure to come to an end with it. */
export interface TestNotifications {
  /** Sends one to all receivers of the group, once. Rejects only when it is broken off, or may not be begun. */
  send(group: ActionGroup, signal: AbortSignal): Promise<TestSent>;
  /** Asks once what became of it. Rejects as every call does. */
  ask(groupId: string, notificationId: string, signal: AbortSignal): Promise<TestAnswer>;
}

/** A wait that nobody has named. */
const laterMilliseconds = 30_000;

/** What a failure means for what was to be sent. Only what Azure has surely refused, or never got, may be tried again. */
export const testFailure = (failure: ReconcileError): TestSent => {
  const { message, reason, retry, cause } = failure;
  const { status, code } = readAzureError(cause);
  if (reason === 'Throttled' || status === 409)
    return { kind: 'later', message, cause, milliseconds: retry.kind === 'after' ? retry.seconds * 1000 : laterMilliseconds };
  const isRefused = status !== undefined && status >= 400 && status < 500 && status !== 408;
  if (isRefused || signInReasons.includes(reason)) return { kind: 'refused', message, cause };
  const what = status === undefined ? code || 'no answer came' : `HTTP status ${status}`;
  return { kind: 'open', message: `Azure gave no clear answer (${what}).`, cause };
};

/** The number at the end of the address where Azure tells what became of it. */
const notificationIdIn = (location: string | undefined): string | undefined =>
  /\/notificationStatus\/([0-9a-z-]{1,64})(?:[?/]|$)/i.exec(location ?? '')?.[1];

export const createTestNotifications = (session: Session): TestNotifications => {
  const at = (id: string) => {
    const { subscriptionId, resourceGroup, name } = resourceIdOf(id);
    return { groups: session.monitor(subscriptionId).actionGroups, resourceGroup, name };
  };
  return {
    send: async (group, signal) => {
      const { groups, resourceGroup, name } = at(group.id);
      const what = { operation: 'actionGroups.createNotifications', doing: `send a test notice through the action group ${name}`, signal };
      let location: string | undefined;
      try {
        await session.call(what, async (options) => {
          // The service takes them as a mail about a log alert: the kind of alert that our rule is.
          const body = { alertType: 'logalertv2', ...toAzure(group) };
          const poller = groups.createNotificationsAtActionGroupResourceLevel(resourceGroup, name, body, {
            ...options,
            onResponse: ({ headers }) => (location = headers.get('location')),
          });
          // Its first request is the one that sends. It must not be awaited itself: that would wait for the end.
          await poller.submitted();
        });
      } catch (thrown) {
        if (thrown instanceof ReconcileError) return testFailure(thrown);
        throw thrown;
      }
      return { kind: 'accepted', notificationId: notificationIdIn(location) };
    },
    ask: async (groupId, notificationId, signal) => {
      const { groups, resourceGroup, name } = at(groupId);
      const what = {
        operation: 'actionGroups.notificationStatus',
        doing: `read what became of the test notice through the action group ${name}`,
        signal,
      };
      const answer = await absentIfNotFound(
        session.call(what, async (options) => {
          try {
            return await groups.getTestNotificationsAtActionGroupResourceLevel(resourceGroup, name, notificationId, options);
          } catch (thrown) {
            // Still at it: the SDK takes every answer but 200 for a failure.
            if (readAzureError(thrown).status === 202) return undefined;
            throw thrown;
          }
        }),
      );
      if (!answer) return { kind: 'running' };
      return {
        kind: 'told',
        isOver: /^(complete|succe|fail|cancel)/i.test(answer.state ?? ''),
        // What Azure does not say may be null, whatever the SDK's types have.
        receivers: (answer.actionDetails ?? []).map(({ mechanismType, name: receiver, status, subState, detail }) => ({
          mechanism: mechanismType ?? '',
          name: receiver ?? '',
          status: status ?? '',
          detail: detail ?? (/^default$/i.test(subState ?? '') ? '' : (subState ?? '')),
        })),
      };
    },
  };
};
