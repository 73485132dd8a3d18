import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startFileNginx } from '../test/peers/nginx.ts';
import { startOrthanc } from '../test/peers/orthanc.ts';
import { timed } from './delivery.ts';
import { askAll, download, requestRate } from './front-client.ts';
import type { Way } from './front-client.ts';
import { fillArchive } from './front-data.ts';
import { printLatencies, printRates, printTransfers } from './front-report.ts';
import type { Asked, Transfer } from './front-report.ts';
import { alternate, cpuSecondsOf, openWays } from './front-ways.ts';
import type { WayName, Ways } from './front-ways.ts';

const objects = 'multipart/related; type="application/dicom"';
const frames = 'multipart/related; type="application/octet-stream"';
const json = 'application/dicom+json';

/** What OHIF asks when its list of studies opens; Orthanc reads files for it. */
const studyList =
  'studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030';
/** Browsers open no more to one server. */
const browserConnections = 6;
/** After so many studies V8 has compiled the relay: the first takes three times the processor time. */
const unseenRounds = 6;
const rateConnections = [1, 8, 32];
const rateSeconds = 3;

/** What viewers ask, through the front with a token, through nginx as a reverse proxy, and straight. */
export async function compareFront(options: {
  readonly rounds: number;
  readonly folder: string;
}): Promise<void> {
  console.log(
    'front: Drawbridge with a token against nginx (one process, buffered, keep-alive) and no proxy at all;\n' +
      'asked by a socket that counts bytes (one long answer), undici (many answers), wrk on one thread (rates)\n',
  );
  await overOrthanc(options.rounds);
  await overFile(options.rounds, options.folder);
}

async function overOrthanc(rounds: number): Promise<void> {
  const orthanc = await startOrthanc();
  const { ways, close } = await openWays(orthanc.dicomWebUrl);
  try {
    const { study, largeStudy, instances, studies } = await fillArchive(orthanc.dicomWebUrl);
    const each = (resource: string): readonly string[] =>
      instances.map((path) => `${path}/${resource}`);

    printTransfers(
      'study of 400 × 525 KB, from Orthanc',
      await retrieve(ways, rounds, study),
      0.95,
    );
    printTransfers(
      'one instance of 128 MB, from Orthanc',
      await retrieve(ways, rounds, largeStudy),
    );
    printLatencies(
      `frames of 400 instances over ${browserConnections} connections, from Orthanc`,
      await ask(ways, rounds, each('frames/1'), frames, browserConnections),
    );
    printLatencies(
      'metadata of 400 instances in one answer, from Orthanc',
      await ask(ways, rounds, Array<string>(5).fill(`studies/${study}/metadata`), json),
    );
    printLatencies(
      'metadata of 400 instances one by one, from Orthanc',
      await ask(ways, rounds, each('metadata'), json),
      5,
    );
    printLatencies(
      `list of ${studies} studies, from Orthanc`,
      await ask(ways, rounds, Array<string>(10).fill(studyList), json),
    );
    for (const connections of rateConnections) {
      printRates(
        `search for one study over ${connections} ${connections === 1 ? 'connection' : 'connections'}, from Orthanc`,
        await alternate(ways, rounds, (way) =>
          requestRate(way, `studies?StudyInstanceUID=${study}`, {
            connections,
            seconds: rateSeconds,
          }),
        ),
        0.8,
      );
    }
  } finally {
    await close();
    await orthanc.stop();
  }
}

/** An archive that costs nothing: one answer of 1 GiB from the page cache. */
async function overFile(rounds: number, folder: string): Promise<void> {
  const file = join(folder, 'answer');
  const boundary = 'the-end-of-a-part';
  const handle = await open(file, 'w');
  await handle.write(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, 0);
  await handle.write(`\r\n--${boundary}--`, 2 ** 30);
  await handle.close();
  const archive = await startFileNginx(file, `${objects}; boundary=${boundary}`);
  const { ways, close } = await openWays(`${archive.url}/dicom-web`, { UPSTREAM_QUIRKS: 'none' });
  try {
    printTransfers('1 GiB from the page cache', await retrieve(ways, rounds, '1.2.3'), 0.75);
  } finally {
    await close();
    await archive.stop();
    await rm(file);
  }
}

function retrieve(
  ways: Ways,
  rounds: number,
  study: string,
): Promise<Readonly<Record<WayName, readonly Transfer[]>>> {
  const measure = async (way: Way): Promise<Transfer> => {
    const cpu = (): number => (way.pid === undefined ? NaN : cpuSecondsOf(way.pid));
    const cpuBefore = cpu();
    let bytes = 0;
    const seconds = await timed(async () => {
      bytes = await download(way, `studies/${study}`, objects);
    });
    return { seconds, bytes, cpuSeconds: way.pid === undefined ? undefined : cpu() - cpuBefore };
  };
  return alternate(ways, rounds, measure, unseenRounds);
}

function ask(
  ways: Ways,
  rounds: number,
  paths: readonly string[],
  accept: string,
  connections = 1,
): Promise<Readonly<Record<WayName, readonly Asked[]>>> {
  const measure = async (way: Way): Promise<Asked> => {
    let times: readonly number[] = [];
    const seconds = await timed(async () => {
      times = await askAll(way, paths, { connections, accept });
    });
    return { seconds, times };
  };
  return alternate(ways, rounds, measure, unseenRounds);
}
