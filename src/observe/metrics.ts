import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AzureCall } from '../azure/session.ts';
import type { RunReport } from '../runtime/controller.ts';

/** The program's metrics. Names and labels are those of controller-runtime and client-go where these have one, so that existing dashboards work. */
export interface Metrics {
  readonly ran: (report: RunReport) => void;
  readonly calledAzure: (call: AzureCall) => void;
  /** The text that Prometheus scrapes, and its content type. */
  readonly scrape: () => Promise<{ readonly body: string; readonly contentType: string }>;
}

const controller = 'maintenancenotification';

export const createMetrics = (depth: () => number): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  const runs = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Total number of reconciliations per controller.',
    labelNames: ['controller', 'result'],
    registers,
  });
  const runSeconds = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of time per reconciliation per controller.',
    labelNames: ['controller'],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const calls = new Counter({
    name: 'aks_notifier_azure_requests_total',
    help: 'Calls to Azure Resource Manager by operation and by ok, HTTP status of the failure, or socket error.',
    labelNames: ['operation', 'code'],
    registers,
  });
  const callSeconds = new Histogram({
    name: 'aks_notifier_azure_request_seconds',
    help: 'Length of time of calls to Azure Resource Manager.',
    labelNames: ['operation'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const waiting = new Gauge({
    name: 'workqueue_depth',
    help: 'Current depth of workqueue.',
    labelNames: ['name', 'controller'],
    registers,
  });
  const results = { done: 'success', after: 'requeue_after', backOff: 'error', threw: 'error', aborted: 'requeue' } as const;
  return {
    ran: ({ outcome, milliseconds }) => {
      runs.inc({ controller, result: results[outcome.kind] });
      runSeconds.observe({ controller }, milliseconds / 1000);
    },
    calledAzure: ({ operation, code, seconds }) => {
      calls.inc({ operation, code });
      callSeconds.observe({ operation }, seconds);
    },
    scrape: async () => {
      waiting.set({ name: controller, controller }, depth());
      return { body: await registry.metrics(), contentType: registry.contentType };
    },
  };
};
