/**
 * Says whether Kubernetes put this variable here, not a person.
 *
 * For a Service called `drawbridge` (or `drawbridge-http`) every pod of the namespace is given
 * `DRAWBRIDGE_SERVICE_HOST`, `DRAWBRIDGE_HTTP_PORT=tcp://10.0.0.1:8080` and more, in names of our
 * own. A `tcp://` value is no port of ours, so such a name counts as not set.
 *
 * @param name - without `DRAWBRIDGE_`.
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
export function isKubernetesServiceLink(name: string, value: string): boolean {
  return (
    /(?:^|_)SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name) ||
    /(?:^|_)PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
    (/(?:^|_)PORT$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value))
  );
}
