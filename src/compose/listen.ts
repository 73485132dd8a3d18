import { BridgeError } from '../errors/bridge-error.ts';
import { startHttpListener } from '../http/http-listener.ts';
import type { HttpListener } from '../http/http-listener.ts';

/** Opens a listener. @throws BridgeError `configuration_invalid` naming the port's variable. */
export async function listen(
  variable: string,
  options: Parameters<typeof startHttpListener>[0],
): Promise<HttpListener> {
  const { host, port } = options;
  try {
    return await startHttpListener(options);
  } catch (cause) {
    const { code = 'error' } = cause as NodeJS.ErrnoException;
    throw new BridgeError(
      'configuration_invalid',
      `cannot listen on ${host} port ${port} (${code}): set ${variable} to a free port, or off`,
      { transient: false, cause },
    );
  }
}
