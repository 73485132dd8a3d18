import type { RecentRefusal } from '../../telemetry/recent-refusals.ts';
import { ok, skipped, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import { formatDuration, plural } from './units.ts';

/** Which devices could not get through lately, and why. */
export const recentRefusals: Probe = {
  id: 'dimse.refusals',
  title: 'Last refusals',
  run: ({ bridge, now }) => {
    if (bridge === undefined) return Promise.resolve(skipped('No bridge runs that could tell.'));
    if (bridge.refusals === undefined) {
      return Promise.resolve(
        skipped('The running bridge does not answer on its control socket (control.sock).'),
      );
    }
    return Promise.resolve(explainRefusals(bridge.refusals, now()));
  },
};

const advice: Readonly<Record<string, string>> = {
  'called-ae-title':
    'Correct the called AE title on the device, or add the one it uses to DRAWBRIDGE_DIMSE_AE_TITLES.',
  network: 'Add the network of the device to DRAWBRIDGE_DIMSE_ALLOWED_NETWORKS.',
  'calling-ae-title': 'Give the device an AE title of its own: 1 to 16 printable characters.',
  'too-many': 'Raise DRAWBRIDGE_DIMSE_MAX_ASSOCIATIONS, or let the devices open fewer.',
  'too-many-of-peer':
    'Raise DRAWBRIDGE_DIMSE_MAX_ASSOCIATIONS_PER_PEER, or let the device open fewer.',
  protocol: 'Look at the log of the device: what it sends is not as PS3.8 has it.',
};

const shownAtMost = 5;

/** @param refusals - newest first. */
export function explainRefusals(refusals: readonly RecentRefusal[], nowMs: number): Finding {
  if (refusals.length === 0) return ok('Nobody was refused since the bridge was started.');
  const alike = new Map<string, RecentRefusal[]>();
  for (const refusal of refusals) {
    const { peer, callingAeTitle, message } = refusal;
    const key = JSON.stringify([peer, callingAeTitle, message]);
    alike.set(key, [...(alike.get(key) ?? []), refusal]);
  }
  const groups = [...alike.values()];
  const lines = groups.slice(0, shownAtMost).map((group) => describe(group, nowMs));
  if (groups.length > shownAtMost) {
    lines.push(`And ${groups.length - shownAtMost} more; the log has them.`);
  }
  const reasons = new Set(groups.slice(0, shownAtMost).map(([first]) => first?.reason ?? ''));
  return warning(
    lines.join('\n'),
    [...reasons].map((reason) => advice[reason] ?? 'Look at the log of the bridge.').join('\n'),
    { refusals: refusals.length, sentences: lines },
  );
}

function describe(group: readonly RecentRefusal[], nowMs: number): string {
  const [latest] = group;
  if (latest === undefined) return '';
  const { callingAeTitle, peer, message, at } = latest;
  const who = callingAeTitle === '' ? `A device at ${peer}` : `${callingAeTitle} at ${peer}`;
  // The settings are named in the advice.
  const why = message.replace(/ \(DRAWBRIDGE_[^)]*\)$/, '');
  const ago = formatDuration(Math.max(0, nowMs - Date.parse(at)));
  const often = group.length === 1 ? '' : `${plural(group.length, 'time')}, last `;
  return `${who} was refused: ${why} (${often}${ago} ago).`;
}
