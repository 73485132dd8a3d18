import { DicomWebArchive } from '../src/archive/dicomweb/dicomweb-archive.ts';
import { generateMultiFrame } from '../src/cli/demo/generate-large.ts';
import { generateStudy } from '../src/cli/demo/generate-study.ts';
import type { GeneratedInstance } from '../src/cli/demo/generate-study.ts';
import type { InstanceIdentity, Part10Source } from '../src/dicom/instance.ts';
import { explicitVrLittleEndian } from '../src/dicom/transfer-syntax.ts';
import { uid } from '../test/support/dicom-object.ts';
import { noAuthorization } from '../src/oauth/authorization-source.ts';
import { silentLogger } from '../src/telemetry/pino-logger.ts';

/** What lies in the archive for viewers to ask for. */
export interface FrontData {
  /** The study of 400 CT images of 525 KB. */
  readonly study: string;
  /** Its instances, as paths below the DICOMweb root. */
  readonly instances: readonly string[];
  /** A study of one instance of 128 MB. */
  readonly largeStudy: string;
  readonly studies: number;
}

const batch = 50;
const ct = { instances: 400, rows: 512, columns: 512 };
const large = { frames: 256, rows: 512, columns: 512 };
/** So that a list of studies is one. */
const smallStudies = 20;

/** Fills an archive by STOW-RS. */
export async function fillArchive(baseUrl: string): Promise<FrontData> {
  const archive = new DicomWebArchive({
    baseUrl,
    connections: 4,
    timeoutMs: 60_000,
    authorization: noAuthorization(),
    log: silentLogger,
    now: Date.now,
  });
  const { random } = Math;
  const store = async (sources: readonly Part10Source[]): Promise<void> => {
    const verdict = await archive.store(sources, { signal: new AbortController().signal });
    if (verdict.kind !== 'each') throw new Error(`filling the archive: ${verdict.message}`);
  };
  try {
    const instances: string[] = [];
    let waiting: GeneratedInstance[] = [];
    let study = '';
    for (const instance of generateStudy({ ...ct, random })) {
      study = instance.identity.studyInstanceUid;
      instances.push(pathOf(instance.identity));
      waiting.push(instance);
      if (waiting.length < batch) continue;
      await store(waiting.map(sourceOf));
      waiting = [];
    }
    await store(waiting.map(sourceOf));
    const one = generateMultiFrame({ ...large, random });
    await store([one]);
    for (let index = 0; index < smallStudies; index += 1) {
      await store([...generateStudy({ instances: 1, rows: 8, columns: 8, random })].map(sourceOf));
    }
    return {
      ...{ study, instances },
      largeStudy: one.identity.studyInstanceUid,
      studies: smallStudies + 2,
    };
  } finally {
    await archive.close();
  }
}

function pathOf({ studyInstanceUid, seriesInstanceUid, sopInstanceUid }: InstanceIdentity): string {
  return `studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`;
}

function sourceOf({ identity, bytes }: GeneratedInstance): Part10Source {
  return {
    sopInstanceUid: identity.sopInstanceUid,
    sopClassUid: identity.sopClassUid,
    transferSyntaxUid: uid(explicitVrLittleEndian),
    bytes: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
    async *read() {
      yield bytes;
    },
  };
}
