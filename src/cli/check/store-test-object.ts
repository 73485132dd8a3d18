import { setTimeout as wait } from 'node:timers/promises';
import { composeArchive } from '../../compose/archive.ts';
import type { Part10Source } from '../../dicom/instance.ts';
import { explicitVrLittleEndian } from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { silentLogger } from '../../telemetry/pino-logger.ts';
import type { StowVerdict } from '../../translate/stow-verdict.ts';
import { generateStudy } from '../demo/generate-study.ts';
import type { GeneratedInstance } from '../demo/generate-study.ts';
import { searchStudies } from './ask-archive.ts';
import { failed, ok, warning } from './probe.ts';
import type { Finding } from './probe.ts';
import type { Upstream, World } from './world.ts';

const patientName = 'DRAWBRIDGE^CHECK';

/** Stores a tiny object as the bridge would, and looks whether a search finds it. */
export async function storeTestObject(
  { config }: World,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<Finding> {
  const [instance] = generateStudy({
    instances: 1,
    rows: 8,
    columns: 8,
    random: Math.random,
    subject: { patientName, patientId: 'CHECK', description: 'Drawbridge check' },
  });
  if (instance === undefined) throw new Error('no object was made');
  const composed = await composeArchive(config, silentLogger);
  try {
    const verdict = await composed.archive.store([sourceOf(instance)], { signal });
    const problem = problemOf(verdict);
    const facts = { wrote: true, studyInstanceUid: instance.identity.studyInstanceUid };
    if (problem !== undefined) {
      return failed(
        `The archive did not take a test object: ${problem}.`,
        'Look at the log of the archive; our client needs the right to write (DRAWBRIDGE_UPSTREAM_SCOPE).',
        facts,
      );
    }
    const stays = `It stays there as patient ${patientName} (study ${facts.studyInstanceUid}).`;
    return (await isFound(upstream, instance.identity.studyInstanceUid, signal))
      ? ok(`A test object was stored, and found again by a search. ${stays}`, facts)
      : warning(
          `A test object was stored, but a search does not find it. ${stays}`,
          'The archive may need time, or shows our client only a part: look for it there.',
          facts,
        );
  } finally {
    await composed.close();
  }
}

function sourceOf({ identity, bytes }: GeneratedInstance): Part10Source {
  return {
    sopInstanceUid: identity.sopInstanceUid,
    sopClassUid: identity.sopClassUid,
    transferSyntaxUid: parseUid(explicitVrLittleEndian) as Uid,
    bytes: bytes.length,
    read: async function* () {
      yield await Promise.resolve(bytes);
    },
  };
}

function problemOf(verdict: StowVerdict): string | undefined {
  if (verdict.kind !== 'each') return verdict.message;
  const [outcome] = verdict.outcomes.values();
  if (outcome === undefined) return 'its answer names nobody';
  return outcome.kind === 'delivered' ? undefined : outcome.message;
}

/** Some archives answer before their index knows. */
const searchPauseMs = 300;
const searches = 10;

async function isFound(upstream: Upstream, study: Uid, signal: AbortSignal): Promise<boolean> {
  for (let attempt = 0; attempt < searches; attempt += 1) {
    const { status, body } = await searchStudies(upstream, `?0020000D=${study}&limit=1`, signal);
    if (status === 200 && body?.includes(study) === true) return true;
    if (status >= 400) return false;
    await wait(searchPauseMs, undefined, { signal });
  }
  return false;
}
