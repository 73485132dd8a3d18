/**
 * Names of the contract (DESIGN §2) that have no behaviour yet. They are refused rather than passed
 * over: a setting that is silently without effect is worse than none, above all where it is about TLS.
 */
export const laterVariables: ReadonlySet<string> = new Set([
  'DIMSE_REQUIRE_KNOWN_CALLING_AE',
  'DIMSE_UNKNOWN_AE_SERVICES',
  'DIMSE_REMOTES',
  'DIMSE_PROXY_PROTOCOL',
  'DIMSE_TLS_PORT',
  'DIMSE_TLS_CERT',
  'DIMSE_TLS_KEY',
  'DIMSE_TLS_CA',
  'DIMSE_TLS_PEER',
  'DIMSE_TLS_PINNED',
  'DIMSE_TLS_PROFILE',
  'DIMSE_TLS_ALLOWED_NETWORKS',
  'DIMSE_TLS_REQUIRE_KNOWN_CALLING_AE',
  'SPOOL_URL',
  'OIDC_CLIENT_ID',
  'OIDC_CLIENT_SECRET',
  'OIDC_CLIENT_SECRET_FILE',
  'LOG_PATIENT_DATA',
  'AUDIT_LOG',
  'SITE_FILE',
]);
