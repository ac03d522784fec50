/** Variables, as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How to sign in to Azure, and where it is. */
export interface AzureConfig {
  readonly clientId: string;
  readonly tenantId: string;
  readonly tokenFile: string;
  /** Without a slash at the end. */
  readonly authorityHost: string;
  readonly endpoint: string;
  readonly audience: string;
  /** Through which the SDKs go, without user and password. Undefined: none. The API server is always called directly. */
  readonly proxy: string | undefined;
}

const webhookVariables = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_FEDERATED_TOKEN_FILE'] as const;

const publicEndpoint = 'https://management.azure.com';
/** Clouds whose tokens are asked for by their own endpoint. */
const knownEndpoints: readonly string[] = [publicEndpoint, 'https://management.chinacloudapi.cn', 'https://management.usgovcloudapi.net'];
/** Azure Monitor: cross-service queries in alert rules are not supported in Azure Government. */
const cloudsWithoutArgAlerts: readonly string[] = ['management.usgovcloudapi.net', 'login.microsoftonline.us'];

/** Where the SDKs look for a proxy, in their order; each in small letters too. */
const proxyVariables = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

const readProxy = (environment: Environment, mistakes: string[]): string | undefined => {
  const name = proxyVariables.find((each) => environment[each]);
  if (name === undefined) return undefined;
  const url = URL.parse(environment[name] ?? '');
  if (url && ['http:', 'https:'].includes(url.protocol)) return url.origin;
  // Not what it is: a password may stand in it.
  mistakes.push(`${name} is no address of a proxy: write one such as http://proxy.contoso.com:3128.`);
  return undefined;
};

/** Reads what the workload identity webhook sets, and which cloud it is. */
export const readAzure = (environment: Environment, mistakes: string[]): AzureConfig => {
  const missing = webhookVariables.filter((name) => !environment[name]);
  if (missing.length > 0)
    mistakes.push(
      `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not set: the workload identity webhook sets them for a pod labelled azure.workload.identity/use: "true" whose ServiceAccount is annotated with azure.workload.identity/client-id.`,
    );
  const clientId = environment['AZURE_CLIENT_ID'] ?? '';
  // As install.yaml has it until somebody fills it in; Entra would say so too, but later and in other words.
  if (clientId !== '' && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(clientId))
    mistakes.push(
      `AZURE_CLIENT_ID is "${clientId}", which is no client id: write that of the operator's identity into the annotation azure.workload.identity/client-id of its ServiceAccount and restart its pods.`,
    );
  const url = (name: string, fallback: string): string => {
    const text = environment[name] || fallback;
    // Spelled the same with or without a slash at the end; a host's letter case means nothing.
    if (URL.canParse(text) && new URL(text).protocol === 'https:' && !/[?#@]/.test(text)) return new URL(text).href.replace(/\/+$/, '');
    mistakes.push(`${name} is "${text}": write an https:// address such as ${fallback}, without ?, # or @.`);
    return fallback;
  };
  const authorityHost = url('AZURE_AUTHORITY_HOST', 'https://login.microsoftonline.com');
  const endpoint = url('AZURE_RESOURCE_MANAGER_ENDPOINT', publicEndpoint);
  const audience = (
    environment['AZURE_RESOURCE_MANAGER_AUDIENCE'] || (knownEndpoints.includes(endpoint) ? endpoint : publicEndpoint)
  ).replace(/\/+$/, '');
  if (!URL.canParse(audience))
    mistakes.push(`AZURE_RESOURCE_MANAGER_AUDIENCE is "${audience}": write an address such as ${publicEndpoint}.`);
  if (audience.endsWith('/.default'))
    mistakes.push(`AZURE_RESOURCE_MANAGER_AUDIENCE is "${audience}": leave out /.default, which the operator puts behind it.`);
  const forbidden = [endpoint, authorityHost].find((each) => cloudsWithoutArgAlerts.includes(new URL(each).hostname));
  if (forbidden !== undefined)
    mistakes.push(
      `${forbidden} belongs to a cloud whose alert rules can't query Azure Resource Graph, so maintenance can't be announced there.`,
    );
  return {
    clientId,
    tenantId: environment['AZURE_TENANT_ID'] ?? '',
    tokenFile: environment['AZURE_FEDERATED_TOKEN_FILE'] ?? '',
    authorityHost,
    endpoint,
    audience,
    proxy: readProxy(environment, mistakes),
  };
};
