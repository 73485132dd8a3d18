import type { Config, DicomwebArchiveConfig } from '../config/config.ts';
import type { Connector } from '../egress/proxy-connector.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import {
  basicAuthorization,
  bearerAuthorization,
  noAuthorization,
} from '../oauth/authorization-source.ts';
import type { AuthorizationSource } from '../oauth/authorization-source.ts';
import { ClientCredentialsSource } from '../oauth/client-credentials-source.ts';
import { ClientKeyError, readClientKey } from '../oauth/client-key.ts';
import type { ClientKey } from '../oauth/client-key.ts';
import type { ClientProof } from '../oauth/client-proof.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TlsMaterial } from './tls-material.ts';

/** How connections to the archive and to the token endpoint are made. */
export interface Way {
  readonly tls: TlsMaterial;
  readonly connect?: Connector;
}

/**
 * Builds what proves us to the archive.
 *
 * @throws {@link ConfigurationError} when the client's key is none.
 */
export function composeAuthorization(
  { allowPlaintext }: Config,
  { auth }: DicomwebArchiveConfig,
  { way, log }: { readonly way: Way; readonly log: Logger },
): AuthorizationSource {
  switch (auth.kind) {
    case 'none':
      return noAuthorization();
    case 'basic':
      return basicAuthorization(auth.username, auth.password);
    case 'bearer':
      return bearerAuthorization(auth.token);
    case 'client_credentials':
    case 'private_key_jwt':
    case 'tls_client_auth':
      return new ClientCredentialsSource({
        ...composeProof(auth),
        ...(auth.tokenUrl === undefined
          ? { issuer: auth.issuer ?? '', allowPlaintext }
          : { tokenUrl: auth.tokenUrl }),
        clientId: auth.clientId,
        ...(auth.scope !== undefined && { scope: auth.scope }),
        ...(auth.audience !== undefined && { audience: auth.audience }),
        ...(auth.resource !== undefined && { resource: auth.resource }),
        ...way,
        now: Date.now,
        log,
      });
  }
}

type OAuthKind = 'client_credentials' | 'private_key_jwt' | 'tls_client_auth';

function composeProof(
  auth: Extract<DicomwebArchiveConfig['auth'], { readonly kind: OAuthKind }>,
): ClientProof {
  switch (auth.kind) {
    case 'client_credentials':
      return { clientAuth: auth.clientAuth, clientSecret: auth.clientSecret };
    case 'tls_client_auth':
      return { clientAuth: 'tls_client_auth' };
    case 'private_key_jwt':
      return {
        clientAuth: 'private_key_jwt',
        clientKey: composeClientKey(auth),
        ...(auth.assertionAudience === 'issuer' &&
          auth.issuer !== undefined && { assertionAudience: auth.issuer }),
      };
  }
}

function composeClientKey({
  clientKey,
  keyId,
  algorithm,
}: Extract<DicomwebArchiveConfig['auth'], { readonly kind: 'private_key_jwt' }>): ClientKey {
  try {
    return readClientKey(clientKey, {
      ...(keyId !== undefined && { keyId }),
      ...(algorithm !== undefined && { algorithm }),
    });
  } catch (error) {
    if (!(error instanceof ClientKeyError)) throw error;
    const variable = 'DRAWBRIDGE_UPSTREAM_CLIENT_KEY';
    throw new ConfigurationError([{ variable, got: '********', accepts: error.message }]);
  }
}
