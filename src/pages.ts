import type { Config } from './config.ts';
import { whyNotAlive, whyNotReady, type HealthFacts, type HealthLimits } from './health.ts';
import type { Metrics } from './observe/metrics.ts';
import { probe, servePages, type PageServer } from './observe/server.ts';

interface PagesOptions {
  readonly facts: () => HealthFacts;
  readonly limits: HealthLimits;
  readonly scrape: Metrics['scrape'];
}

/**
 * Serves the probes and the metrics, as far as they are switched on.
 * @throws Error when an address can't be listened on, naming it
 */
export const startPages = async (
  { healthAddress, metricsAddress }: Pick<Config, 'healthAddress' | 'metricsAddress'>,
  { facts, limits, scrape }: PagesOptions,
): Promise<readonly PageServer[]> => {
  const servers: PageServer[] = [];
  if (healthAddress)
    servers.push(
      await servePages(healthAddress, {
        '/healthz': () => probe(whyNotAlive(facts(), limits)),
        '/readyz': () => probe(whyNotReady(facts())),
      }),
    );
  if (metricsAddress) servers.push(await servePages(metricsAddress, { '/metrics': async () => ({ status: 200, ...(await scrape()) }) }));
  return servers;
};
