// What `npm run demo` and `npm test` need from a bare clone: dependencies installed and, for the
// demo, the program built. Plain JavaScript, since nothing is installed yet when it runs.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const installStamp = join(root, 'node_modules', '.drawbridge-installed');
const buildStamp = join(root, 'dist', '.built-from');
const lockFile = join(root, '.bootstrap.lock');

/** Ends the run with one sentence when this Node cannot run the program. */
export function requireSupportedNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`Drawbridge needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** Installs the dependencies when package-lock.json is not the one last installed. */
export async function ensureInstalled() {
  const wanted = await digestOf([join(root, 'package-lock.json'), join(root, 'package.json')]);
  const isCurrent = async () => (await readFile(installStamp, 'utf8').catch(() => '')) === wanted;
  if (await isCurrent()) return;
  await underLock(async () => {
    if (await isCurrent()) return;
    say('installing dependencies (npm ci); the first time this takes a minute');
    await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
    await writeFile(installStamp, wanted);
  });
}

/** Compiles src/ to dist/ when a source file changed since the last build. */
export async function ensureBuilt() {
  const sources = [join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json')];
  for (const entry of await readdir(join(root, 'src'), { recursive: true })) {
    if (entry.endsWith('.ts')) sources.push(join(root, 'src', entry));
  }
  const wanted = await digestOf(sources.sort());
  const isCurrent = async () => (await readFile(buildStamp, 'utf8').catch(() => '')) === wanted;
  if (await isCurrent()) return;
  await underLock(async () => {
    if (await isCurrent()) return;
    say('building');
    await rm(join(root, 'dist'), { recursive: true, force: true });
    await run('npm', ['run', '--silent', 'build']);
    await writeFile(buildStamp, wanted);
  });
}

/** Runs a command in the project with its output shown; ends the whole run when it fails. */
export async function run(command, args, options = {}) {
  const code = await exitCodeOf(command, args, options);
  if (code === 0) return;
  console.error(`${command} ${args.join(' ')} failed (exit code ${code})`);
  process.exit(code);
}

/** Runs a command in the project with its output shown. */
export function exitCodeOf(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

export function say(text) {
  console.error(`drawbridge: ${text}`);
}

async function digestOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file));
  return `${hash.digest('hex')}\n`;
}

/** Two runs started together must not install into one folder at the same time. */
async function underLock(work) {
  let announced = false;
  for (;;) {
    const handle = await open(lockFile, 'wx').catch((error) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (handle !== undefined) {
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    }
    if (await lockIsStale()) {
      await rm(lockFile, { force: true });
      continue;
    }
    if (!announced) say('waiting for another run that installs or builds here');
    announced = true;
    await wait(250);
  }
  // `run` ends the process when a command fails, so the lock is also given back on exit.
  const unlock = () => rmSync(lockFile, { force: true });
  process.once('exit', unlock);
  try {
    await work();
  } finally {
    process.off('exit', unlock);
    unlock();
  }
}

async function lockIsStale() {
  const pid = Number(await readFile(lockFile, 'utf8').catch(() => ''));
  if (Number.isInteger(pid) && pid > 0) return !isAlive(pid);
  // Just created and not yet written, or left empty by a power cut.
  const { mtimeMs } = await stat(lockFile).catch(() => ({ mtimeMs: Date.now() }));
  return existsSync(lockFile) && Date.now() - mtimeMs > 5000;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
