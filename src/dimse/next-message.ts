import type { Association, IncomingMessage } from '../upper-layer/association.ts';

/**
 * How long an association may rest while the bridge stops. Between two objects a sender is silent
 * for milliseconds, and shall finish its list; a workstation that holds an association open has
 * nothing to lose.
 */
const restWhileStoppingMs = 500;

/**
 * Waits for the next message. Once the bridge is stopping, an association on which none comes is
 * aborted (PS3.8 §9.3.8, source 0), so that nobody waits out the grace time for the sake of silence.
 *
 * @param stopping - aborts when the bridge begins to stop.
 * @throws as `Association.receive`.
 */
export async function nextMessage(
  association: Association,
  stopping: AbortSignal,
): Promise<IncomingMessage | undefined> {
  let resting: NodeJS.Timeout | undefined;
  const rest = (): void => {
    resting = setTimeout(() => association.abort(0, 0), restWhileStoppingMs);
  };
  if (stopping.aborted) rest();
  else stopping.addEventListener('abort', rest, { once: true });
  try {
    return await association.receive();
  } finally {
    clearTimeout(resting);
    stopping.removeEventListener('abort', rest);
  }
}
