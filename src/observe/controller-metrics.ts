import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { KubeError } from '../kube/failure.ts';
import type { RunReport } from '../runtime/controller.ts';
import { WriteRefusedError } from '../runtime/write-gate.ts';
import { registerGauge } from './computed-gauge.ts';

export interface ControllerMetricsOptions {
  readonly concurrency: number;
  /** How many keys are ready and wait for a worker. */
  readonly depth: () => number;
  /** The keys being worked on, and for how many milliseconds. */
  readonly running: () => ReadonlyMap<string, number>;
}

export interface ControllerMetrics {
  readonly ran: (report: RunReport) => void;
  readonly added: () => void;
}

const controller = 'maintenancenotification';

type Result = 'success' | 'error' | 'requeue' | 'requeue_after';
const results: Readonly<Record<RunReport['outcome']['kind'], Result>> = {
  done: 'success',
  after: 'requeue_after',
  backOff: 'error',
  threw: 'error',
  aborted: 'requeue',
};

/** Those of controller-runtime. */
const runBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5,
  5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** Those of client-go: ten nanoseconds to a thousand seconds. */
const queueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 100, 1000];

/** A mistake of ours: what in Go would be a panic. Failures of the API server, a lost lease and the end of the run's time are none. */
const isBug = ({ outcome, deadlineExceeded }: RunReport): boolean =>
  outcome.kind === 'threw' && !deadlineExceeded && !(outcome.error instanceof KubeError) && !(outcome.error instanceof WriteRefusedError);

/**
 * What controller-runtime says of a controller and client-go of its work queue, under their names, labels, buckets and help texts.
 * `controller_runtime_terminal_reconcile_errors_total` is missing because no error is terminal here: even a Stalled object is looked at
 * again at every interval.
 */
export const createControllerMetrics = (registry: Registry, options: ControllerMetricsOptions): ControllerMetrics => {
  const ofController = { registers: [registry], labelNames: ['controller' as const] };
  const ofQueue = { registers: [registry], labelNames: ['name' as const, 'controller' as const] };
  const queue = { name: controller, controller };

  const runs = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Total number of reconciliations per controller',
    labelNames: ['controller', 'result'],
    registers: [registry],
  });
  const errors = new Counter({
    ...ofController,
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Total number of reconciliation errors per controller',
  });
  const panics = new Counter({
    ...ofController,
    name: 'controller_runtime_reconcile_panics_total',
    help: 'Total number of reconciliation panics per controller',
  });
  const timeouts = new Counter({
    ...ofController,
    name: 'controller_runtime_reconcile_timeouts_total',
    help: 'Total number of reconciliation timeouts per controller',
  });
  const runSeconds = new Histogram({
    ...ofController,
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of time per reconciliation per controller',
    buckets: runBuckets,
  });
  const adds = new Counter({ ...ofQueue, name: 'workqueue_adds_total', help: 'Total number of adds handled by workqueue' });
  const retries = new Counter({
    ...ofQueue,
    name: 'workqueue_retries_total',
    help: 'Total number of items added to the workqueue with a non-zero delay',
  });
  const waitedSeconds = new Histogram({
    ...ofQueue,
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in workqueue before being requested',
    buckets: queueBuckets,
  });
  const workSeconds = new Histogram({
    ...ofQueue,
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes.',
    buckets: queueBuckets,
  });
  registerGauges(registry, options);

  // Counters begin at 0, so that the first increase is one to Prometheus too.
  for (const result of new Set(Object.values(results))) runs.inc({ controller, result }, 0);
  for (const counter of [errors, panics, timeouts]) counter.inc({ controller }, 0);
  for (const counter of [adds, retries]) counter.inc(queue, 0);

  return {
    ran: (report) => {
      const result = results[report.outcome.kind];
      runs.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      if (report.deadlineExceeded) timeouts.inc({ controller });
      if (isBug(report)) panics.inc({ controller });
      runSeconds.observe({ controller }, report.milliseconds / 1000);
      waitedSeconds.observe(queue, report.waitedMilliseconds / 1000);
      workSeconds.observe(queue, report.milliseconds / 1000);
      if (report.nextMilliseconds !== undefined) retries.inc(queue);
    },
    added: () => adds.inc(queue),
  };
};

/** What is asked for at each scrape. */
const registerGauges = (registry: Registry, { concurrency, depth, running }: ControllerMetricsOptions): void => {
  const runningSeconds = (): readonly number[] => Array.from(running().values(), (milliseconds) => milliseconds / 1000);
  const ofController = (name: string, help: string, value: () => number): void =>
    registerGauge(registry, { name, help, labels: { controller } }, value);
  const ofQueue = (name: string, help: string, value: () => number): void =>
    registerGauge(registry, { name, help, labels: { name: controller, controller } }, value);
  ofController('controller_runtime_max_concurrent_reconciles', 'Maximum number of concurrent reconciles per controller', () => concurrency);
  ofController('controller_runtime_active_workers', 'Number of currently used workers per controller', () => running().size);
  ofQueue('workqueue_depth', 'Current depth of workqueue', depth);
  ofQueue(
    'workqueue_unfinished_work_seconds',
    "How many seconds of work has been done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
    () => runningSeconds().reduce((sum, seconds) => sum + seconds, 0),
  );
  ofQueue(
    'workqueue_longest_running_processor_seconds',
    'How many seconds has the longest running processor for workqueue been running.',
    () => Math.max(0, ...runningSeconds()),
  );
};
