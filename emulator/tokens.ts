import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, errors, type JWK } from 'jose';

/** Who makes a request, as its access token says. */
export interface Caller {
  /** Object id of the service principal; what roles are assigned to. */
  readonly objectId: string;
  readonly clientId: string;
}

/** Why an access token is not good. */
export type TokenFault =
  | { readonly fault: 'malformed' }
  | { readonly fault: 'expired'; readonly expiredAt: Date }
  | { readonly fault: 'audience'; readonly audience: string };

/** Makes and checks this tenant's access tokens. */
export interface Tokens {
  /** The public half of the signing key, for `jwks_uri`. */
  readonly jwk: JWK;
  readonly mint: (caller: Caller, audience: string, expiresInSeconds: number) => Promise<string>;
  readonly verify: (token: string, audiences: readonly string[]) => Promise<Caller | TokenFault>;
}

const issuerOf = (tenantId: string): string => `https://sts.windows.net/${tenantId}/`;

/** Makes a signing key of its own; tokens of another emulator are therefore refused. `clock` rules what counts as expired. */
export const createTokens = async (tenantId: string, clock: () => Date): Promise<Tokens> => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keyId = randomUUID();
  const issuer = issuerOf(tenantId);
  return {
    jwk: { ...(await exportJWK(publicKey)), kid: keyId, use: 'sig', alg: 'RS256' },

    mint: ({ objectId, clientId }, audience, expiresInSeconds) => {
      const now = Math.floor(clock().getTime() / 1000);
      // The claims of a version 1 app-only token, the kind that Azure Resource Manager gets.
      return new SignJWT({
        appid: clientId,
        appidacr: '2',
        idp: issuer,
        idtyp: 'app',
        oid: objectId,
        tid: tenantId,
        uti: randomUUID(),
        ver: '1.0',
      })
        .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: keyId })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(objectId)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + expiresInSeconds)
        .sign(privateKey);
    },

    verify: async (token, audiences) => {
      try {
        const { payload } = await jwtVerify<{ oid: string; appid: string }>(token, publicKey, { issuer, currentDate: clock() });
        const audience = [payload.aud].flat().join(' ');
        if (!audiences.includes(audience.replace(/\/$/u, ''))) return { fault: 'audience', audience };
        return { objectId: payload.oid, clientId: payload.appid };
      } catch (error) {
        if (error instanceof errors.JWTExpired) return { fault: 'expired', expiredAt: new Date((error.payload.exp ?? 0) * 1000) };
        return { fault: 'malformed' };
      }
    },
  };
};
