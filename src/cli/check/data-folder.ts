import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { nearestFolder, obstacleToWriting } from './disk-place.ts';
import { failed, ok, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';

/** Whether everything the bridge must not lose has a place of its own to lie in. */
export const dataFolder: Probe = {
  id: 'data.folder',
  title: 'Data folder',
  run: async ({ config }) => {
    const findings: Finding[] = [];
    for (const folder of new Set([config.dataDir, config.spool.folder])) {
      findings.push(await lookAt(folder, variableOf(folder, config.dataDir)));
    }
    const [first] = findings;
    const bad = (outcome: Finding['outcome']): Finding | undefined =>
      findings.find((finding) => finding.outcome === outcome);
    return bad('failed') ?? bad('warning') ?? first ?? ok('There is none.');
  },
};

function variableOf(folder: string, dataDir: string): string {
  return folder === dataDir || folder === join(dataDir, 'spool')
    ? 'DRAWBRIDGE_DATA_DIR'
    : 'DRAWBRIDGE_SPOOL_DIR';
}

async function lookAt(folder: string, variable: string): Promise<Finding> {
  const nearest = await nearestFolder(folder);
  const obstacle = await obstacleToWriting(nearest);
  const facts = { folder, exists: nearest === folder };
  if (obstacle !== undefined) return cannotWrite(nearest, obstacle, variable, facts);
  if (nearest !== folder) {
    return ok(`${folder} is not there yet; the first start creates it in ${nearest}.`, facts);
  }
  const { mode, uid } = await stat(folder);
  const permissions = (mode & 0o7777).toString(8).padStart(4, '0');
  const described = { ...facts, mode: permissions, uid };
  if ((mode & 0o077) !== 0) {
    return warning(
      `${folder} is open to other users of this machine (mode ${permissions}), and patient data lies in it.`,
      `Close it: chmod 700 ${folder}`,
      described,
    );
  }
  return ok(`${folder} is writable, for its owner alone (mode ${permissions}).`, described);
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'the permissions do not let us',
  EPERM: 'the permissions do not let us',
  EROFS: 'it is mounted read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
};

function cannotWrite(
  folder: string,
  code: string,
  variable: string,
  facts: Finding['facts'],
): Finding {
  const { uid, username } = userInfo();
  return failed(
    `Nothing can be written in ${folder} as user ${username} (${uid}): ${reasons[code] ?? code}.`,
    `Make it writable for the user the bridge runs as, or set ${variable} to another folder.`,
    { ...facts, code },
  );
}
