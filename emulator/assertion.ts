import { rootCertificates } from 'node:tls';
import { createLocalJWKSet, decodeJwt, errors, jwtVerify, type JSONWebKeySet } from 'jose';
import { Agent, fetch } from 'undici';

/** Why an issuer's signing keys could not be had. */
class IssuerUnreachableError extends Error {
  override readonly name = 'IssuerUnreachableError' as const;
}

/** Why an assertion is refused, when its claims fit a federated credential. */
type AssertionFault = 'unreachable' | 'signature' | { readonly notBefore: Date; readonly expires: Date };

/** What the caller claims to be; unverified. */
export interface AssertionClaims {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** Reads an assertion's claims without believing them; says nothing when it isn't a JWT. */
export const claimsOf = (assertion: string): AssertionClaims | undefined => {
  try {
    const { iss = '', sub = '', aud = [] } = decodeJwt(assertion);
    return { issuer: iss, subject: sub, audiences: [aud].flat() };
  } catch {
    return undefined;
  }
};

/** Checks assertions against the keys that their issuers publish. */
export interface AssertionVerifier {
  /** Nothing when the assertion is good. The issuer must be one that a federated credential names: its address is fetched. */
  readonly verify: (assertion: string, issuer: string) => Promise<AssertionFault | undefined>;
  readonly close: () => Promise<void>;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isKeySet = (value: Record<string, unknown>): value is Record<string, unknown> & JSONWebKeySet => Array.isArray(value['keys']);

const patienceMilliseconds = 10_000;

/**
 * Verifies for real, by OpenID Connect discovery: `<issuer>/.well-known/openid-configuration` names `jwks_uri`, and that holds the keys.
 * Keys are kept per issuer and read again when an assertion names a key that isn't among them.
 *
 * @param issuerCa PEM of an authority to trust besides the public ones: a Kubernetes API server's certificate has its own.
 * @param leewaySeconds how far `exp` and `nbf` may be missed.
 */
export const createAssertionVerifier = (options: { issuerCa?: string; clock: () => Date; leewaySeconds: number }): AssertionVerifier => {
  const { issuerCa, clock, leewaySeconds } = options;
  const agent = new Agent({ connect: issuerCa === undefined ? {} : { ca: [...rootCertificates, issuerCa] } });
  const known = new Map<string, JSONWebKeySet>();

  const readJson = async (url: string): Promise<Record<string, unknown>> => {
    const answer = await fetch(url, { dispatcher: agent, signal: AbortSignal.timeout(patienceMilliseconds) });
    if (!answer.ok) throw new IssuerUnreachableError(`${url} answered ${answer.status}`);
    const body = await answer.json();
    if (!isRecord(body)) throw new IssuerUnreachableError(`${url} is not a JSON object`);
    return body;
  };

  const readKeys = async (issuer: string): Promise<JSONWebKeySet> => {
    const metadata = await readJson(`${issuer.replace(/\/$/u, '')}/.well-known/openid-configuration`);
    if (metadata['issuer'] !== issuer) throw new IssuerUnreachableError(`${issuer} calls itself ${String(metadata['issuer'])}`);
    const keys = await readJson(String(metadata['jwks_uri']));
    if (!isKeySet(keys)) throw new IssuerUnreachableError(`${issuer} publishes no keys`);
    known.set(issuer, keys);
    return keys;
  };

  const check = async (assertion: string, issuer: string, keys: JSONWebKeySet): Promise<void> => {
    await jwtVerify(assertion, createLocalJWKSet(keys), {
      issuer,
      currentDate: clock(),
      clockTolerance: leewaySeconds,
      requiredClaims: ['exp'],
    });
  };

  const checkWithFreshKeysIfNeeded = async (assertion: string, issuer: string): Promise<void> => {
    const cached = known.get(issuer);
    if (cached === undefined) return check(assertion, issuer, await readKeys(issuer));
    try {
      return await check(assertion, issuer, cached);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return check(assertion, issuer, await readKeys(issuer));
      throw error;
    }
  };

  return {
    verify: async (assertion, issuer) => {
      try {
        await checkWithFreshKeysIfNeeded(assertion, issuer);
        return undefined;
      } catch (error) {
        const isOutOfTime =
          error instanceof errors.JWTExpired || (error instanceof errors.JWTClaimValidationFailed && ['nbf', 'exp'].includes(error.claim));
        if (isOutOfTime) {
          const { nbf = 0, exp = 0 } = error.payload;
          return { notBefore: new Date(nbf * 1000), expires: new Date(exp * 1000) };
        }
        return error instanceof errors.JOSEError ? 'signature' : 'unreachable';
      }
    },
    close: () => agent.close(),
  };
};
