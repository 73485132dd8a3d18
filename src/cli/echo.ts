import { verify } from '../dimse/verification-user.ts';
import { formatDestination } from './destination.ts';
import { dimseTarget } from './dimse-target.ts';
import type { EchoOptions } from './program.ts';
import type { CommandIo } from './terminal.ts';

/** `drawbridge echo`: @throws BridgeError that says why the peer did not answer. */
export async function echo(
  { destination, callingAeTitle }: EchoOptions,
  { io, now }: { readonly io: CommandIo; readonly now: () => number },
): Promise<void> {
  const begun = now();
  await verify(dimseTarget(destination, callingAeTitle));
  const milliseconds = Math.round(now() - begun);
  io.stdout.write(
    `${formatDestination(destination)} answers C-ECHO (${milliseconds} ms, calling as ${callingAeTitle})\n`,
  );
}
