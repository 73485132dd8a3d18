import type { ReadHandler } from './resource-app.ts';

/** What clients may know of the front before they have a token. */
export interface ResourceMetadata {
  /** The public address of the DICOMweb root. */
  readonly resource: string;
  /** Issuers whose tokens are accepted; empty where the bridge makes them itself. */
  readonly authorizationServers: readonly string[];
  readonly scopes: readonly string[];
}

/** Where the document about a resource is, as a path: its own is appended (RFC 9728 §3.1). */
export function resourceMetadataPath(dicomwebRoot: string): string {
  return `/.well-known/oauth-protected-resource${dicomwebRoot}`;
}

/** The protected resource metadata (RFC 9728 §2): where a client finds who gives it a token. */
export function resourceMetadataHandler(metadata: ResourceMetadata): ReadHandler {
  const { resource, authorizationServers, scopes } = metadata;
  const document = {
    resource,
    // "When omitted": an empty list is none (§2).
    ...(authorizationServers.length > 0 && {
      authorization_servers: authorizationServers,
      scopes_supported: scopes,
    }),
    bearer_methods_supported: ['header'],
    resource_name: 'Drawbridge DICOMweb',
  };
  const body = JSON.stringify(document);
  return () =>
    new Response(body, {
      headers: {
        'Content-Type': 'application/json',
        'Cache-Control': 'public, max-age=300',
        // Everybody may read it, pages of any origin included.
        'Access-Control-Allow-Origin': '*',
      },
    });
}
