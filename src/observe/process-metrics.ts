import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import { registerGauge } from './computed-gauge.ts';

/** How often the event loop is looked at. Each look costs: at prom-client's 10 ms an idle process would do little else. */
const lagResolutionMilliseconds = 50;

/**
 * What the process says of itself, under the names that prom-client's default metrics have. Not those themselves: they bring gauges called
 * `…_total`, which promtool refuses, and a look at the event loop that takes its own resolution for a delay.
 */
export const registerProcessMetrics = (registry: Registry): void => {
  registry.registerMetric(
    new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Total user and system CPU time spent in seconds.',
      registers: [],
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    }),
  );
  const gauge = (name: string, help: string, value: () => number): void => registerGauge(registry, { name, help }, value);
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  // Without a limit the kernel names a number beyond all memory.
  gauge('aks_notifier_memory_limit_bytes', 'How much memory the process may have: the limit of its pod, or else what the node has.', () =>
    Math.min(process.constrainedMemory() || Infinity, totalmem()),
  );
  const startedAt = Math.round(Date.now() / 1000 - process.uptime());
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => startedAt);
  gauge('nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.', () => process.memoryUsage().heapTotal);
  gauge('nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.', () => process.memoryUsage().heapUsed);

  const lag = monitorEventLoopDelay({ resolution: lagResolutionMilliseconds });
  lag.enable();
  // It measures from look to look: without any delay it says how far two looks are apart.
  const percentile = (percent: number): number => Math.max(0, lag.percentile(percent) / 1e9 - lagResolutionMilliseconds / 1000);
  gauge('nodejs_eventloop_lag_p50_seconds', 'The 50th percentile of the event loop delays since the last scrape.', () => percentile(50));
  // The last of a scrape to be asked, so it is the one that begins anew.
  gauge('nodejs_eventloop_lag_p99_seconds', 'The 99th percentile of the event loop delays since the last scrape.', () => {
    const seconds = percentile(99);
    lag.reset();
    return seconds;
  });
};
