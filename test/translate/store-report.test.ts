import { describe, expect, it } from 'vitest';
import type { Uid } from '../../src/dicom/uid.ts';
import type { StoreInstancesResponse } from '../../src/translate/store-instances-response.ts';
import { failureReasons, writeStoreReport } from '../../src/translate/store-report.ts';
import type { PartFate, ReportedInstance } from '../../src/translate/store-report.ts';
import { newUid, uid } from '../support/dicom-object.ts';

const publicRoot = 'https://pacs.example/dicom-web';
const study = uid('1.2.3');
const series = uid('1.2.3.4');

function instance(changes: Partial<ReportedInstance> = {}): ReportedInstance {
  return {
    sopClassUid: uid('1.2.840.10008.5.1.4.1.1.7'),
    sopInstanceUid: newUid(),
    studyInstanceUid: study,
    seriesInstanceUid: series,
    ...changes,
  };
}

function sent(object: ReportedInstance): PartFate {
  return { kind: 'sent', instance: object };
}

function leftOut(failureReason: number, object?: ReportedInstance): PartFate {
  return { kind: 'left-out', instance: object, failureReason };
}

function answered(answer: {
  readonly kept?: readonly (readonly [Uid, number?])[];
  readonly failed?: readonly (readonly [Uid, number?])[];
}): StoreInstancesResponse {
  return {
    kept: new Map((answer.kept ?? []).map(([of, warningReason]) => [of, { warningReason }])),
    failed: new Map((answer.failed ?? []).map(([of, failureReason]) => [of, { failureReason }])),
  };
}

const referenceTo = ({ sopClassUid, sopInstanceUid }: ReportedInstance) => ({
  '00081150': { vr: 'UI', Value: [sopClassUid] },
  '00081155': { vr: 'UI', Value: [sopInstanceUid] },
});

describe('the Store Instances Response', () => {
  it('F19 of a request that was kept whole is 200 and says where everything is', () => {
    const object = instance();

    const report = writeStoreReport(
      [sent(object)],
      answered({ kept: [[object.sopInstanceUid]] }),
      publicRoot,
    );

    expect(report).toEqual({
      status: 200,
      dataSet: {
        '00081190': { vr: 'UR', Value: [`${publicRoot}/studies/1.2.3`] },
        '00081199': {
          vr: 'SQ',
          Value: [
            {
              ...referenceTo(object),
              '00081190': {
                vr: 'UR',
                Value: [
                  `${publicRoot}/studies/1.2.3/series/1.2.3.4/instances/${object.sopInstanceUid}`,
                ],
              },
            },
          ],
        },
      },
    });
  });

  it('F19 of some is 202, with the reasons the archive gave and ours', () => {
    const [kept, refused, outside] = [instance(), instance(), instance()];

    const { status, dataSet } = writeStoreReport(
      [sent(kept), sent(refused), leftOut(failureReasons.notAuthorised, outside)],
      answered({
        kept: [[kept.sopInstanceUid]],
        failed: [[refused.sopInstanceUid, 0xc122]],
      }),
      publicRoot,
    );

    expect(status).toBe(202);
    expect(dataSet['00081198']?.Value).toEqual([
      { ...referenceTo(refused), '00081197': { vr: 'US', Value: [0xc122] } },
      { ...referenceTo(outside), '00081197': { vr: 'US', Value: [0x0124] } },
    ]);
    expect(dataSet['00081199']?.Value).toHaveLength(1);
  });

  it('F19 of none is 409 and names no place', () => {
    const refused = instance();

    const { status, dataSet } = writeStoreReport(
      [sent(refused)],
      answered({ failed: [[refused.sopInstanceUid, 0xa700]] }),
      publicRoot,
    );

    expect(status).toBe(409);
    expect(dataSet).toEqual({
      '00081190': { vr: 'UR' },
      '00081198': {
        vr: 'SQ',
        Value: [{ ...referenceTo(refused), '00081197': { vr: 'US', Value: [0xa700] } }],
      },
    });
  });

  it('is 202 when the archive kept all of it with a warning, and hands the warning on', () => {
    const changed = instance();

    const { status, dataSet } = writeStoreReport(
      [sent(changed)],
      answered({ kept: [[changed.sopInstanceUid, 0xb000]] }),
      publicRoot,
    );

    expect(status).toBe(202);
    expect(dataSet['00081199']?.Value).toMatchObject([
      { '00081196': { vr: 'US', Value: [0xb000] } },
    ]);
  });

  it.each([
    ['named nowhere', answered({}), 0x0110],
    ['listed as failed without a reason', 'failed', 0x0110],
    ['listed both ways', 'both', 0x0122],
  ] as const)('counts an object as failed that is %s', (_, said, expected) => {
    const object = instance();
    const of = object.sopInstanceUid;
    const answer =
      said === 'failed'
        ? answered({ failed: [[of]] })
        : said === 'both'
          ? answered({ kept: [[of]], failed: [[of, 0x0122]] })
          : said;

    const { status, dataSet } = writeStoreReport([sent(object)], answer, publicRoot);

    expect(status).toBe(409);
    expect(dataSet['00081198']?.Value).toEqual([
      { ...referenceTo(object), '00081197': { vr: 'US', Value: [expected] } },
    ]);
  });

  it('D44 lists what nobody can name among the other failures, and counts it', () => {
    const object = instance();

    const { status, dataSet } = writeStoreReport(
      [leftOut(0xc000), sent(object), leftOut(0xc000)],
      answered({ kept: [[object.sopInstanceUid]] }),
      publicRoot,
    );

    expect(status).toBe(202);
    expect(dataSet).not.toHaveProperty('00081198');
    expect(dataSet['0008119A']?.Value).toEqual([
      { '00081197': { vr: 'US', Value: [0xc000] } },
      { '00081197': { vr: 'US', Value: [0xc000] } },
    ]);
  });

  it('names no study when objects of two were kept, or none is known', () => {
    const [first, second] = [instance(), instance({ studyInstanceUid: uid('1.9') })];
    const nameless = instance({ studyInstanceUid: undefined });
    const all = [first, second, nameless].map(({ sopInstanceUid }) => [sopInstanceUid] as const);

    const both = writeStoreReport([sent(first), sent(second)], answered({ kept: all }), publicRoot);
    const neither = writeStoreReport([sent(nameless)], answered({ kept: all }), publicRoot);

    expect(both.dataSet['00081190']).toEqual({ vr: 'UR' });
    expect(neither.dataSet['00081190']).toEqual({ vr: 'UR' });
    expect(neither.dataSet['00081199']?.Value).toEqual([
      { ...referenceTo(nameless), '00081190': { vr: 'UR' } },
    ]);
  });
});
