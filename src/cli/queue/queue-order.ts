import type { Uid } from '../../dicom/uid.ts';
import type { EntryState } from '../../spool/queue-desk.ts';
import type { Moment } from './moment.ts';

/** Which entries an order is about; nothing at all means all of them. */
export interface Selection {
  /** Entry ids, whole or as far as the list prints them. */
  readonly ids?: readonly string[];
  readonly destination?: string;
  readonly study?: Uid;
  readonly states?: readonly EntryState[];
  /** Arrived before. */
  readonly olderThan?: Moment;
  /** Arrived after. */
  readonly since?: Moment;
}

/** What `drawbridge queue …` was told to do. */
export type QueueOrder = { readonly json: boolean } & (
  | { readonly kind: 'list'; readonly selection: Selection; readonly limit: number }
  | { readonly kind: 'show'; readonly id: string }
  | { readonly kind: 'retry' | 'replay'; readonly selection: Selection }
  | { readonly kind: 'drop'; readonly selection: Selection; readonly yes: boolean }
  | { readonly kind: 'export'; readonly folder: string; readonly selection: Selection }
  | { readonly kind: 'pause' | 'resume'; readonly destination: string | undefined }
);
