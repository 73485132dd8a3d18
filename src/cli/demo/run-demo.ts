import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Archive } from '../../archive/archive.ts';
import { DicomWebArchive } from '../../archive/dicomweb/dicomweb-archive.ts';
import { startBridge } from '../../bridge.ts';
import type { Bridge } from '../../bridge.ts';
import { localTokensFolder } from '../../compose/authenticator.ts';
import { loadConfig } from '../../config/load-config.ts';
import { decodeFileHeader } from '../../dicom/part10.ts';
import { explicitVrLittleEndian } from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { sendObjects } from '../../dimse/store-user.ts';
import type { ObjectToSend } from '../../dimse/store-user.ts';
import { bearerAuthorization, noAuthorization } from '../../oauth/authorization-source.ts';
import { openLocalTokens } from '../../oauth/open-authenticator.ts';
import { silentLogger } from '../../telemetry/pino-logger.ts';
import { formatStatus } from '../../translate/c-store-status.ts';
import { CommandError } from '../command-error.ts';
import { dimseTarget } from '../dimse-target.ts';
import { ProgressBar } from '../progress-bar.ts';
import type { DemoOptions } from '../program.ts';
import type { CommandIo } from '../terminal.ts';
import { fetchViewer } from './fetch-viewer.ts';
import { generateStudy } from './generate-study.ts';
import type { GeneratedInstance } from './generate-study.ts';

/** Long enough for the slowest laptop; an archive in the same process needs milliseconds. */
const arrivalTimeoutMs = 60_000;

/**
 * `drawbridge demo`: the main job before one's eyes. A bridge on free ports with the embedded
 * archive takes a generated study by DIMSE; the study is fetched back over DICOMweb, with an access
 * token, and compared byte for byte.
 *
 * @throws CommandError when something did not arrive as it was sent.
 */
export async function runDemo(
  { once, viewer, instances }: DemoOptions,
  { io, stopRequested }: { readonly io: CommandIo; readonly stopRequested: Promise<void> },
): Promise<void> {
  const say = (text: string): unknown => io.stdout.write(`${text}\n`);
  const viewerFolder = viewer ? await fetchViewer(say) : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-demo-'));
  let bridge: Bridge | undefined;
  let client: DicomWebArchive | undefined;
  try {
    bridge = await startDemoBridge(folder, viewerFolder);
    const { publicRoot = '', ports } = bridge;
    const port = ports.dimse ?? 0;
    say(
      `1  a bridge is up: AE title DRAWBRIDGE at 127.0.0.1 port ${port}, DICOMweb at ${publicRoot}, with its embedded archive`,
    );

    const study = [...generateStudy({ instances, rows: 256, columns: 256, random: Math.random })];
    const studyInstanceUid = study[0]?.identity.studyInstanceUid as Uid;
    say(`2  sending a generated CT study of ${study.length} slices by C-STORE`);
    await sendStudy(study, port, io);
    say(`3  all ${study.length} were answered with success: they are on stable storage`);

    // In a viewer nobody can type a token in: the bridge with a viewer asks for none.
    const token = viewer ? undefined : await makeToken(folder);
    client = dicomwebClient(publicRoot, token);
    await untilArrived(client, studyInstanceUid, study.length);
    say(`4  all ${study.length} have reached the archive`);

    await compare(client, studyInstanceUid, study);
    const how = token === undefined ? '' : ' with an access token';
    say(
      `5  fetched back over DICOMweb${how}: ${study.length} of ${study.length} are byte for byte what was sent`,
    );
    if (token !== undefined) {
      await refusesStrangers(publicRoot);
      say('6  without a token the same address answers 401');
    }

    if (!once) {
      printNext(bridge, { folder, studyInstanceUid, token, viewer }, say);
      await stopRequested;
    }
  } finally {
    await client?.close();
    await bridge?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function startDemoBridge(folder: string, viewerFolder: string | undefined): Promise<Bridge> {
  // Not the caller's environment: a demo must not send made-up patients to a real archive.
  const environment = {
    DRAWBRIDGE_DATA_DIR: folder,
    DRAWBRIDGE_DIMSE_HOST: '127.0.0.1',
    DRAWBRIDGE_DIMSE_PORT: '0',
    DRAWBRIDGE_HTTP_PORT: '0',
    DRAWBRIDGE_OPS_PORT: '0',
    DRAWBRIDGE_SPOOL_MIN_FREE: '16MiB',
    DRAWBRIDGE_SHUTDOWN_GRACE: '5s',
    ...(viewerFolder !== undefined && {
      DRAWBRIDGE_VIEWER_DIR: viewerFolder,
      DRAWBRIDGE_HTTP_AUTH: 'none',
    }),
  };
  const { config } = loadConfig(environment, { readFile: () => '' });
  return startBridge(config, silentLogger);
}

const tokenLifetimeMs = 8 * 3_600_000;

/** As `drawbridge token create` does beside a bridge that runs. */
async function makeToken(folder: string): Promise<string> {
  const tokens = await openLocalTokens(localTokensFolder(folder), Date.now);
  const { token } = await tokens.create({
    subject: 'demo',
    scopes: ['read', 'write'],
    expiresAt: Date.now() + tokenLifetimeMs,
  });
  return token;
}

/** What asks the bridge as a viewer would: by HTTP. */
function dicomwebClient(publicRoot: string, token: string | undefined): DicomWebArchive {
  return new DicomWebArchive({
    baseUrl: publicRoot,
    connections: 1,
    timeoutMs: arrivalTimeoutMs,
    authorization: token === undefined ? noAuthorization() : bearerAuthorization(token),
    log: silentLogger,
    now: Date.now,
  });
}

async function refusesStrangers(publicRoot: string): Promise<void> {
  const { status } = await fetch(`${publicRoot}/studies`);
  if (status !== 401) throw new CommandError(`without a token the bridge answered ${status}`);
}

async function sendStudy(
  study: readonly GeneratedInstance[],
  port: number,
  io: CommandIo,
): Promise<void> {
  const total = {
    objects: study.length,
    bytes: study.reduce((sum, { bytes }) => sum + bytes.length, 0),
  };
  const bar = new ProgressBar({ output: io.stderr, total, now: () => performance.now() });
  let sent = { objects: 0, bytes: 0 };
  const title = 'DRAWBRIDGE' as ReturnType<typeof dimseTarget>['calledAeTitle'];
  await sendObjects(
    dimseTarget({ calledAeTitle: title, host: '127.0.0.1', port }, title),
    study.map(toSend),
    ({ bytes }, result) => {
      if (result.kind === 'refused') {
        throw new CommandError(
          `the bridge refused an object with ${formatStatus(result.status)} ${result.errorComment ?? ''}`,
        );
      }
      if (result.kind !== 'stored') throw new CommandError('the bridge did not take an object');
      sent = { objects: sent.objects + 1, bytes: sent.bytes + bytes };
      bar.update(sent);
    },
  );
  bar.finish();
}

function toSend({ identity, bytes }: GeneratedInstance): ObjectToSend & { readonly bytes: number } {
  return {
    sopClassUid: identity.sopClassUid,
    sopInstanceUid: identity.sopInstanceUid,
    transferSyntaxUid: parseUid(explicitVrLittleEndian) as Uid,
    bytes: bytes.length,
    dataSet: () => chunksOf(dataSetOf(bytes)),
  };
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

function dataSetOf(file: Buffer): Buffer {
  return file.subarray(decodeFileHeader(file)?.dataSetOffset);
}

async function untilArrived(
  archive: Pick<Archive, 'search'>,
  studyInstanceUid: Uid,
  count: number,
): Promise<void> {
  const signal = AbortSignal.timeout(arrivalTimeoutMs);
  for (;;) {
    const query = { level: 'instance', studyInstanceUid, match: {} } as const;
    const found = await archive.search(query, { signal });
    if (found.length >= count) return;
    if (signal.aborted) {
      throw new CommandError(`only ${found.length} of ${count} objects reached the archive`);
    }
    await wait(20);
  }
}

async function compare(
  archive: Pick<Archive, 'retrieve'>,
  studyInstanceUid: Uid,
  study: readonly GeneratedInstance[],
): Promise<void> {
  const missing = new Map(study.map(({ identity, bytes }) => [identity.sopInstanceUid, bytes]));
  const signal = AbortSignal.timeout(arrivalTimeoutMs);
  for await (const object of archive.retrieve({ studyInstanceUid }, { signal })) {
    const chunks: Buffer[] = [];
    for await (const chunk of object.dataSet) chunks.push(Buffer.from(chunk));
    const sent = missing.get(object.sopInstanceUid);
    if (sent !== undefined && Buffer.concat(chunks).equals(dataSetOf(sent))) {
      missing.delete(object.sopInstanceUid);
    }
  }
  if (missing.size === 0) return;
  throw new CommandError(`${missing.size} of ${study.length} objects did not come back as sent`);
}

function printNext(
  { ports, publicRoot = '' }: Bridge,
  {
    folder,
    studyInstanceUid,
    token,
    viewer,
  }: {
    readonly folder: string;
    readonly studyInstanceUid: Uid;
    readonly token: string | undefined;
    readonly viewer: boolean;
  },
  say: (text: string) => unknown,
): void {
  say('');
  if (viewer) {
    const page = new URL('/viewer', publicRoot);
    page.searchParams.set('StudyInstanceUIDs', studyInstanceUid);
    say('See the study in a browser on this machine:');
    say('');
    say(`  ${page.href}`);
    say('');
  }
  say('The bridge stays up until Ctrl-C. From another terminal:');
  say('');
  const authorization = token === undefined ? '' : `-H 'Authorization: Bearer ${token}' `;
  say(`  curl ${authorization}${publicRoot}/studies`);
  say(`  node dist/main.js echo DRAWBRIDGE@127.0.0.1:${ports.dimse ?? 0}`);
  say(`  node dist/main.js send DRAWBRIDGE@127.0.0.1:${ports.dimse ?? 0} FILES OR FOLDERS`);
  say(`  storescu -aec DRAWBRIDGE 127.0.0.1 ${ports.dimse ?? 0} FILE      (DCMTK)`);
  say(`  curl http://127.0.0.1:${ports.operations ?? 0}/metrics`);
  say(`  find ${join(folder, 'archive')} -name '*.dcm'`);
  say('');
  say('For a real archive: docs/recipe-orthanc.md');
}
