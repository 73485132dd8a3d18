import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * The one list of test peers that come from Debian: what has to be there, and the package it is in.
 * A file that tells its presence is an absolute path; anything else is looked for on the PATH.
 */
export const debianPackages = [
  { command: '/usr/sbin/Orthanc', package: 'orthanc' },
  {
    command: '/usr/share/orthanc/plugins/libOrthancDicomWeb.so',
    package: 'orthanc-dicomweb',
  },
  { command: 'storescu', package: 'dcmtk' },
  { command: 'strace', package: 'strace' },
];

/** What only the tests with a browser need; they install it when they run, and skip without it. */
export const browserPackages = [{ command: '/usr/bin/chromium', package: 'chromium' }];

/** What only the bench of the front needs: somebody to be measured against, and somebody to ask fast. */
export const benchPackages = [
  { command: '/usr/sbin/nginx', package: 'nginx-light' },
  { command: 'wrk', package: 'wrk' },
];

/** True when the tests that need these peers are left out on purpose. */
export function peersAreSkipped(environment = process.env) {
  return environment.TEST_PEERS === 'skip';
}

/** The packages whose commands are not on this machine. */
export function missingDebianPackages(packages = debianPackages) {
  const missing = packages.filter((peer) => !isPresent(peer.command));
  return [...new Set(missing.map((peer) => peer.package))];
}

/** What to type to have the given packages. */
export function installCommand(packages) {
  return `sudo apt-get update && sudo apt-get install --no-install-recommends -y ${packages.join(' ')}`;
}

/**
 * Installs what is missing, where we may: as root, or with a sudo that asks for no password.
 *
 * @returns `true` when every peer is there; `false` after the way out was printed. The caller ends
 *   the run then, with an exit code that is not zero.
 */
export function ensureDebianPackages({ say = console.error, packages = debianPackages } = {}) {
  if (peersAreSkipped()) {
    say('TEST_PEERS=skip: tests against Orthanc and DCMTK are left out.');
    return true;
  }
  const missing = missingDebianPackages(packages);
  if (missing.length === 0) return true;

  const asRoot = rootPrefix();
  if (!asRoot || !isPresent('apt-get')) {
    explain(say, missing);
    return false;
  }
  say(`Installing test peers: ${missing.join(', ')} …`);
  install(asRoot, missing);
  const still = missingDebianPackages(packages);
  if (still.length > 0) explain(say, still);
  return still.length === 0;
}

function install(asRoot, packages) {
  const restore = forbidServiceStarts(asRoot);
  try {
    // A machine without package lists knows no package at all, so the update comes first. Where it
    // fails (a dead third-party source, say), the lists at hand may still do.
    run(asRoot, ['apt-get', 'update']);
    run(asRoot, ['apt-get', 'install', '-y', '--no-install-recommends', ...packages]);
  } finally {
    restore();
  }
}

/**
 * Debian starts a service as soon as its package is installed. Our Orthancs are our own; a second
 * one on the usual ports must not come up because somebody ran the tests.
 */
function forbidServiceStarts(asRoot) {
  const policy = '/usr/sbin/policy-rc.d';
  const kept = `${policy}.before-drawbridge-tests`;
  // A file that is there was put there by the machine's owner (containers have one): it comes back.
  const hadOne = existsSync(policy);
  const restore = () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    if (hadOne) move(asRoot, kept, policy);
    else remove(asRoot, policy);
  };
  const onSignal = (signal) => {
    restore();
    process.kill(process.pid, signal);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  if (hadOne) move(asRoot, policy, kept);
  writePolicy(asRoot, policy);
  return restore;
}

function writePolicy(asRoot, policy) {
  const draft = path.join(tmpdir(), `drawbridge-policy-rc.d-${process.pid}`);
  writeFileSync(draft, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    run(asRoot, ['install', '-m', '0755', draft, policy]);
  } finally {
    rmSync(draft, { force: true });
  }
}

function move(asRoot, from, to) {
  if (asRoot.length === 0) renameSync(from, to);
  else run(asRoot, ['mv', from, to]);
}

function remove(asRoot, file) {
  if (asRoot.length === 0) rmSync(file, { force: true });
  else run(asRoot, ['rm', '-f', file]);
}

/** Words to put before a command so that it runs as root; `undefined` when we may not. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return sudo.status === 0 ? ['sudo', '-n'] : undefined;
}

function run(asRoot, command) {
  // `env` rather than our own environment: sudo does not hand that on.
  const words = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', ...command];
  const result = spawnSync(words[0], words.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
  return result.status === 0;
}

function isPresent(command) {
  if (path.isAbsolute(command)) return existsSync(command);
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return [...folders, '/usr/sbin', '/usr/bin'].some((folder) =>
    existsSync(path.join(folder, command)),
  );
}

function explain(say, packages) {
  say(
    `The tests need real peers that are not on this machine: ${packages.join(', ')}.\n\n` +
      `    ${installCommand(packages)}\n\n` +
      'Type that, or leave those tests out with TEST_PEERS=skip.',
  );
}
