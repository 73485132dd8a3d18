import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { OwnedProcess } from './owned-process.ts';
import { findFreePort, temporaryFolder } from './peer.ts';
import type { Peer, TemporaryFolder } from './peer.ts';
import { untilReady } from './ready.ts';

interface OrthancOptions {
  readonly aeTitle?: string;
  /** What a second object with the same SOP Instance UID does: replace the first, or nothing. */
  readonly overwriteInstances?: boolean;
  /** Further settings, as in Orthanc's own configuration file. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A real Orthanc with its DICOMweb plugin, in a folder and on ports of its own. */
export interface Orthanc extends Peer {
  readonly aeTitle: string;
  readonly dicomPort: number;
  readonly restUrl: string;
  readonly dicomWebUrl: string;
  /** Process id, for measuring; changes with `restart`. */
  readonly pid: number | undefined;
  /** Begins again on the same ports with what was stored; stops it first when it still runs. */
  restart(): Promise<void>;
  /** SIGKILL; `restart` brings it back. */
  kill(): Promise<void>;
  /** The SOP Instance UIDs it holds. */
  instances(): Promise<readonly string[]>;
  /** The Part 10 file as Orthanc keeps it. */
  file(sopInstanceUid: string): Promise<Buffer>;
  /** Forgets everything it holds. */
  clear(): Promise<void>;
}

export async function startOrthanc(options: OrthancOptions = {}): Promise<Orthanc> {
  // Between finding a port and Orthanc taking it, a test in the next worker may have it.
  for (let attempt = 1; ; attempt += 1) {
    const folder = await temporaryFolder('orthanc');
    try {
      return await startIn(folder, options);
    } catch (error) {
      await folder.remove();
      if (attempt === 3) throw error;
    }
  }
}

async function startIn(folder: TemporaryFolder, options: OrthancOptions): Promise<Orthanc> {
  const httpPort = await findFreePort();
  const dicomPort = await findFreePort();
  const aeTitle = options.aeTitle ?? 'ORTHANC';
  const configuration = path.join(folder.path, 'orthanc.json');
  const settings = { ...settingsFor(folder.path, options), HttpPort: httpPort };
  await writeFile(
    configuration,
    JSON.stringify({ ...settings, DicomPort: dicomPort, DicomAet: aeTitle }),
  );

  const restUrl = `http://127.0.0.1:${httpPort}`;
  const begin = async (): Promise<OwnedProcess> => {
    // Without TCP_NODELAY Nagle and delayed ACK cost 44 ms an object in DCMTK, which is inside.
    const started = new OwnedProcess('/usr/sbin/Orthanc', [configuration], {
      cwd: folder.path,
      env: { TCP_NODELAY: '1' },
    });
    try {
      await untilReady('Orthanc', started, async () => (await fetch(`${restUrl}/system`)).ok);
    } catch (error) {
      await started.kill();
      throw error;
    }
    return started;
  };

  let orthanc = await begin();
  const stop = async (): Promise<void> => {
    await orthanc.stop();
    await folder.remove();
  };
  return {
    aeTitle,
    dicomPort,
    restUrl,
    dicomWebUrl: `${restUrl}/dicom-web`,
    get pid() {
      return orthanc.pid;
    },
    restart: async () => {
      if (!orthanc.hasEnded) await orthanc.stop();
      orthanc = await begin();
    },
    kill: async () => {
      await orthanc.kill();
    },
    instances: () => instancesOf(restUrl),
    file: (sopInstanceUid) => fileOf(restUrl, sopInstanceUid),
    clear: () => clear(restUrl),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function settingsFor(folder: string, options: OrthancOptions): Readonly<Record<string, unknown>> {
  return {
    Name: 'drawbridge-test',
    StorageDirectory: path.join(folder, 'storage'),
    IndexDirectory: path.join(folder, 'storage'),
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    DicomCheckCalledAet: false,
    DicomAlwaysAllowEcho: true,
    DicomAlwaysAllowStore: true,
    UnknownSopClassAccepted: true,
    AcceptedTransferSyntaxes: ['*'],
    StorageCompression: false,
    OverwriteInstances: options.overwriteInstances ?? false,
    SaveJobs: false,
    // The GDCM plugin stays out: asked for some compressed syntaxes it takes the process down.
    Plugins: ['/usr/share/orthanc/plugins/libOrthancDicomWeb.so'],
    DicomWeb: { Enable: true, Root: '/dicom-web/' },
    ...options.settings,
  };
}

async function instancesOf(restUrl: string): Promise<readonly string[]> {
  const listed = (await ask(`${restUrl}/instances?expand`).then((answer) =>
    answer.json(),
  )) as readonly { readonly MainDicomTags: { readonly SOPInstanceUID: string } }[];
  return listed.map((instance) => instance.MainDicomTags.SOPInstanceUID);
}

async function fileOf(restUrl: string, sopInstanceUid: string): Promise<Buffer> {
  const found = (await ask(`${restUrl}/tools/lookup`, {
    method: 'POST',
    body: sopInstanceUid,
  }).then((answer) => answer.json())) as readonly { readonly Type: string; readonly ID: string }[];
  const instance = found.find((resource) => resource.Type === 'Instance');
  if (!instance) throw new Error(`Orthanc does not hold ${sopInstanceUid}`);
  const file = await ask(`${restUrl}/instances/${instance.ID}/file`);
  return Buffer.from(await file.arrayBuffer());
}

async function clear(restUrl: string): Promise<void> {
  const patients = (await ask(`${restUrl}/patients`).then((answer) =>
    answer.json(),
  )) as readonly string[];
  for (const id of patients) await ask(`${restUrl}/patients/${id}`, { method: 'DELETE' });
}

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`Orthanc answered ${answer.status} to ${url}`);
  return answer;
}
