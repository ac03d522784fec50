import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** Registers a gauge with one series, whose value is asked for at each scrape. */
export const registerGauge = (
  registry: Registry,
  { name, help, labels = {} }: { readonly name: string; readonly help: string; readonly labels?: Readonly<Record<string, string>> },
  value: () => number,
): void =>
  registry.registerMetric(
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [],
      collect() {
        this.set(labels, value());
      },
    }),
  );
