import type { FaultProxy } from '../../peers/fault-proxy.ts';
import type { GateBehaviour } from '../../peers/gate.ts';
import type { BridgeProcess } from '../../support/bridge-process.ts';
import type { ArchiveSide } from './deployment.ts';
import type { SmallDisk } from './small-disk.ts';

/** Everything that a storm breaks. */
export interface StormField extends ArchiveSide {
  /** Between bridge and gate. */
  readonly line: FaultProxy;
  readonly bridge: BridgeProcess;
  /** Absent where nothing can be mounted. */
  readonly disk: SmallDisk | undefined;
}

/** Something that goes wrong, and comes right again. */
interface FaultKind {
  readonly name: string;
  /** No two faults of one victim at a time; all others as chance wants it. */
  readonly victim: 'bridge' | 'orthanc' | 'gate' | 'identity provider' | 'line' | 'disk';
  readonly begin: (field: StormField) => unknown;
  readonly end: (field: StormField) => unknown;
  /** Grows with each request that met the fault, where it can be told. */
  readonly met?: (field: StormField) => number;
}

export interface Fault extends FaultKind {
  /** How many objects have been acknowledged when it begins. */
  readonly afterObjects: number;
  readonly lastsMs: number;
}

/** As many faults as asked for, each kind as often as the others, in the order in which they begin. */
export function drawFaults(
  random: () => number,
  options: { readonly faults: number; readonly objects: number; readonly hasDisk: boolean },
): readonly Fault[] {
  const kinds: FaultKind[] = [];
  while (kinds.length < options.faults) {
    const drawn = faultKinds(random).filter(({ victim }) => victim !== 'disk' || options.hasDisk);
    kinds.push(...shuffled(drawn, random));
  }
  return kinds
    .slice(0, options.faults)
    .map((kind) => ({
      ...kind,
      // When the last objects come, the storm is over.
      afterObjects: Math.floor(random() * options.objects * 0.9),
      lastsMs: Math.floor(50 + random() ** 2 * 1500),
    }))
    .sort((a, b) => a.afterObjects - b.afterObjects);
}

/** One of each; what chance decides about them is decided here. */
function faultKinds(random: () => number): readonly FaultKind[] {
  const requestBytes = Math.floor(2 ** (random() * 18));
  const answerBytes = Math.floor(2 ** (random() * 11));
  return [
    {
      name: 'bridge killed with SIGKILL',
      victim: 'bridge',
      begin: ({ bridge }) => bridge.kill(),
      end: startAgain,
    },
    {
      name: 'bridge stopped with SIGTERM',
      victim: 'bridge',
      begin: async ({ bridge }) => {
        const { code } = await bridge.terminate();
        if (code !== 0) throw new Error(`SIGTERM ended the bridge with ${code}`);
      },
      end: startAgain,
    },
    {
      name: 'archive killed',
      victim: 'orthanc',
      begin: ({ orthanc }) => orthanc.kill(),
      end: ({ orthanc }) => orthanc.restart(),
    },
    gateAnswers(401),
    gateAnswers(403),
    gateAnswers(429, { headers: { 'retry-after': '1' } }),
    gateAnswers(503),
    gateAnswers(200, { headers: { 'content-type': 'application/dicom+json' }, body: '{}' }),
    gateDoes({ kind: 'cut-answer' }),
    {
      name: 'identity provider away, tokens revoked',
      victim: 'identity provider',
      begin: async ({ identityProvider, gate }) => {
        await identityProvider.down();
        gate.revoke();
      },
      end: ({ identityProvider }) => identityProvider.up(),
    },
    {
      name: `line cut after ${requestBytes} bytes of requests`,
      victim: 'line',
      begin: ({ line }) => line.cutAfter(requestBytes, 'request'),
      end: ({ line }) => line.resume(),
      met: ({ line }) => line.cuts,
    },
    {
      name: `line cut after ${answerBytes} bytes of answers`,
      victim: 'line',
      begin: ({ line }) => line.cutAfter(answerBytes, 'answer'),
      end: ({ line }) => line.resume(),
      met: ({ line }) => line.cuts,
    },
    {
      name: 'line dead, nothing moves',
      victim: 'line',
      begin: ({ line }) => line.stall(),
      end: ({ line }) => line.resume(),
    },
    {
      name: 'line down, connections refused',
      victim: 'line',
      begin: ({ line }) => line.refuse(),
      end: ({ line }) => line.resume(),
    },
    {
      name: 'disk full',
      victim: 'disk',
      begin: ({ disk }) => disk?.fill(),
      end: ({ disk }) => disk?.empty(),
    },
  ];
}

function gateAnswers(
  status: number,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): FaultKind {
  return { ...gateDoes({ kind: 'answer', status, ...more }), name: `gate answers ${status}` };
}

function gateDoes(behaviour: GateBehaviour): FaultKind {
  return {
    name: `gate: ${behaviour.kind}`,
    victim: 'gate',
    begin: ({ gate }) => gate.setBehaviour(behaviour),
    end: ({ gate }) => gate.setBehaviour({ kind: 'pass' }),
    met: ({ gate }) => gate.counters.accepted,
  };
}

function startAgain({ bridge }: StormField): Promise<void> {
  return bridge.restart();
}

function shuffled<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
