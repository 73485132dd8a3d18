import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { echo } from '../../src/cli/echo.ts';
import { send } from '../../src/cli/send.ts';
import { SpoolFullError } from '../../src/errors/spool-errors.ts';
import { temporaryFolder } from '../peers/peer.ts';
import type { TemporaryFolder } from '../peers/peer.ts';
import { buildPart10 } from '../support/dicom-object.ts';
import { startDimseBench } from '../support/dimse-bench.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';
import { recordingIo } from '../support/recording-io.ts';
import { aeTitle } from '../support/uid.ts';

let folder: TemporaryFolder | undefined;

afterEach(async () => {
  await folder?.remove();
  folder = undefined;
});

async function writeObjects(objects: Readonly<Record<string, Buffer>>): Promise<string> {
  folder = await temporaryFolder('send');
  await mkdir(join(folder.path, 'deep'));
  for (const [name, bytes] of Object.entries(objects)) {
    await writeFile(join(folder.path, name), bytes);
  }
  return folder.path;
}

function sendTo(
  port: number,
  path: string,
  changes: { associations?: number; json?: boolean } = {},
) {
  const io = recordingIo();
  const exitCode = send(
    {
      destination: { calledAeTitle: aeTitle('DRAWBRIDGE'), host: '127.0.0.1', port },
      callingAeTitle: aeTitle('SENDER'),
      paths: [path],
      associations: changes.associations ?? 1,
      json: changes.json ?? false,
    },
    { io, now: () => performance.now() },
  );
  return { io, exitCode };
}

describe('drawbridge send', () => {
  it('sends what it finds, on several associations, and counts what is no DICOM', async () => {
    const spool = new InMemorySpool();
    const { port, ended } = await startDimseBench(spool);
    const path = await writeObjects({
      'a.dcm': buildPart10({ sop: '1.2.1' }),
      'deep/b.dcm': buildPart10({ sop: '1.2.2', transferSyntax: '1.2.840.10008.1.2' }),
      'deep/c.dcm': buildPart10({ sop: '1.2.3', pixelBytes: 600_000 }),
      'notes.txt': Buffer.from('no DICOM'),
    });

    const { io, exitCode } = sendTo(port, path, { associations: 2 });

    expect(await exitCode).toBe(0);
    expect(spool.ready.map(({ sopInstanceUid }) => sopInstanceUid).sort()).toEqual([
      '1.2.1',
      '1.2.2',
      '1.2.3',
    ]);
    await vi.waitFor(() => expect(ended).toEqual(['released', 'released']));
    expect(io.out()).toMatch(/took 3 objects, 0 failed, 1 files were no DICOM/);
    expect(io.err()).toMatch(/3\/3 objects/);
  });

  it('ends with 1 and says why the peer refused', async () => {
    const spool = new InMemorySpool();
    spool.faults.receive = new SpoolFullError('the disk is full', {});
    const { port } = await startDimseBench(spool);
    const path = await writeObjects({ 'a.dcm': buildPart10({ sop: '1.2.1' }) });

    const { io, exitCode } = sendTo(port, path);

    expect(await exitCode).toBe(1);
    expect(io.err()).toMatch(/refused with A700H: the disk is full\n.*a\.dcm/);
  });

  it('names a reason once, however many files share it', async () => {
    const { port } = await startDimseBench(new InMemorySpool());
    const files = Object.fromEntries(
      Array.from({ length: 9 }, (_each, index) => [
        `${index}.dcm`,
        buildPart10({ sopClass: '1.2.840.10008.5.1.4.39.1' }),
      ]),
    );
    const path = await writeObjects(files);

    const { io, exitCode } = sendTo(port, path);

    expect(await exitCode).toBe(1);
    expect(io.err().match(/does not take SOP class/g)).toHaveLength(1);
    expect(io.err()).toContain('and 4 more');
  });

  it('gives the summary as JSON', async () => {
    const { port } = await startDimseBench(new InMemorySpool());
    const path = await writeObjects({ 'a.dcm': buildPart10({ sop: '1.2.1' }) });

    const { io, exitCode } = sendTo(port, path, { json: true });

    expect(await exitCode).toBe(0);
    expect(JSON.parse(io.out())).toMatchObject({
      destination: `DRAWBRIDGE@127.0.0.1:${port}`,
      sent: 1,
      failed: 0,
      failures: [],
    });
  });

  it('reads the SOP class from the data set where group 0002 does not tell', async () => {
    const spool = new InMemorySpool();
    const { port } = await startDimseBench(spool);
    const whole = buildPart10({ sop: '1.2.1' });
    // The tag of (0002,0002) becomes one nobody knows.
    const at = whole.indexOf(Buffer.from([0x02, 0x00, 0x02, 0x00]));
    whole[at + 2] = 0x99;
    const path = await writeObjects({ 'a.dcm': whole });

    expect(await sendTo(port, path).exitCode).toBe(0);
    expect(spool.ready).toHaveLength(1);
  });

  it('counts what was left when nobody answers', async () => {
    const path = await writeObjects({ 'a.dcm': buildPart10(), 'b.dcm': buildPart10() });

    const { io, exitCode } = sendTo(1, path);

    expect(await exitCode).toBe(1);
    expect(io.out()).toMatch(/took 0 objects, 2 failed/);
    expect(io.err()).toContain('ECONNREFUSED');
  });

  it('refuses a folder without any DICOM object', async () => {
    const path = await writeObjects({ 'notes.txt': Buffer.from('no DICOM') });

    await expect(sendTo(1, path).exitCode).rejects.toThrow(/no DICOM object/);
  });
});

describe('drawbridge echo', () => {
  it('says that the peer answers', async () => {
    const { port } = await startDimseBench(new InMemorySpool());
    const io = recordingIo();

    await echo(
      {
        destination: { calledAeTitle: aeTitle('DRAWBRIDGE'), host: '127.0.0.1', port },
        callingAeTitle: aeTitle('CT01'),
      },
      { io, now: () => performance.now() },
    );

    expect(io.out()).toMatch(/answers C-ECHO \(\d+ ms, calling as CT01\)/);
  });

  it('fails with the reason the peer gave', async () => {
    const { port } = await startDimseBench(new InMemorySpool());

    await expect(
      echo(
        {
          destination: { calledAeTitle: aeTitle('OTHER'), host: '127.0.0.1', port },
          callingAeTitle: aeTitle('CT01'),
        },
        { io: recordingIo(), now: () => performance.now() },
      ),
    ).rejects.toThrow(/called AE title not recogni/);
  });
});
