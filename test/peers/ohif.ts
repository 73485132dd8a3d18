import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const version = '3.13.2';
/** SHA-512 of the package's file, as `npm view @ohif/app@3.13.2 dist.integrity` says. */
const integrity =
  'WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==';

/**
 * The built OHIF viewer from the npm registry. It is 50 MB to fetch, so it is kept from one run to
 * the next, in the user's cache folder.
 *
 * @returns the folder with its `index.html`.
 * @throws Error when the registry does not give it.
 */
export async function fetchOhif(): Promise<string> {
  const cache = path.join(
    process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
    'drawbridge-tests',
  );
  const kept = path.join(cache, `ohif-${version}`);
  if (!existsSync(kept)) {
    await mkdir(cache, { recursive: true });
    const draft = await mkdtemp(path.join(cache, 'draft-'));
    try {
      await unpack(draft);
      await rename(path.join(draft, 'package'), kept).catch((error: unknown) => {
        // Another run was quicker.
        if (!existsSync(kept)) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return path.join(kept, 'dist');
}

async function unpack(folder: string): Promise<void> {
  await run('npm', ['pack', `@ohif/app@${version}`, '--ignore-scripts'], { cwd: folder });
  const file = path.join(folder, `ohif-app-${version}.tgz`);
  const digest = createHash('sha512').update(await readFile(file));
  if (digest.digest('base64') !== integrity) throw new Error(`@ohif/app ${version} was changed`);
  // Models for segmentation by machine, two thirds of the whole: no test comes near them.
  await run('tar', ['-xzf', file, '--exclude=package/dist/ort'], { cwd: folder });
}
