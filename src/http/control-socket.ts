import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { BridgeError } from '../errors/bridge-error.ts';
import { startSocketListener } from './http-listener.ts';

/** Name of the socket in `DATA_DIR`. */
export const controlSocketName = 'control.sock';

/** Where it is made ready, out of everybody's sight. */
const cradleName = '.control';

/**
 * A folder by a path of few bytes, whatever its depth: a socket address holds 107.
 *
 * @throws the error of `open`, with its `code`.
 */
export function openNear(folder: string): { readonly path: string; close(): void } {
  const fd = openSync(folder, 'r');
  return { path: `/proc/self/fd/${fd}`, close: () => closeSync(fd) };
}

/**
 * Opens the control socket of this bridge in a folder that is its own.
 *
 * The socket is made in a folder that nobody else can enter and moved to its place when only its
 * owner may connect; the move replaces the socket of a bridge that was killed.
 *
 * @throws BridgeError `configuration_invalid` when another bridge answers there.
 */
export async function startControlSocket({
  folder,
  app,
}: {
  readonly folder: string;
  readonly app: Parameters<typeof startSocketListener>[0]['app'];
}): Promise<{ close(): Promise<void> }> {
  let near: ReturnType<typeof openNear> | undefined;
  try {
    near = openNear(folder);
    const path = `${near.path}/${controlSocketName}`;
    if (await isAnswered(path)) throw takenByAnother();
    const cradle = `${near.path}/${cradleName}`;
    rmSync(cradle, { recursive: true, force: true });
    mkdirSync(cradle, { mode: 0o700 });
    const held = near;
    const listener = await startSocketListener({ app, path: `${cradle}/${controlSocketName}` });
    chmodSync(`${cradle}/${controlSocketName}`, 0o600);
    renameSync(`${cradle}/${controlSocketName}`, path);
    rmSync(cradle, { recursive: true });
    return {
      close: async () => {
        // Node removes the path it listened on, which is not where the socket went.
        rmSync(path, { force: true });
        await listener.close();
        held.close();
      },
    };
  } catch (error) {
    near?.close();
    if (error instanceof BridgeError) throw error;
    throw new BridgeError(
      'configuration_invalid',
      `cannot open the control socket (${(error as NodeJS.ErrnoException).code ?? 'error'}): DRAWBRIDGE_DATA_DIR must be a local folder that the bridge may write to`,
      { transient: false, cause: error },
    );
  }
}

function takenByAnother(): BridgeError {
  return new BridgeError(
    'configuration_invalid',
    'another bridge runs with this DRAWBRIDGE_DATA_DIR: each bridge needs a folder of its own',
    { transient: false },
  );
}

/** Whether somebody listens; a socket left over by a killed bridge refuses connections. */
async function isAnswered(path: string): Promise<boolean> {
  const socket = createConnection({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return false;
    throw error;
  } finally {
    socket.destroy();
  }
}
