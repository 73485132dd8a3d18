/**
 * The upper layer's state machine as data: PS3.8 §9.2.3, Table 9-10.
 *
 * | state | meaning (PS3.8 Tables 9-1 to 9-5) |
 * |---|---|
 * | Sta1 | idle |
 * | Sta2 | transport open, awaiting A-ASSOCIATE-RQ |
 * | Sta3 | awaiting the local user's answer to it |
 * | Sta4 | awaiting the transport connection |
 * | Sta5 | awaiting A-ASSOCIATE-AC or -RJ |
 * | Sta6 | established |
 * | Sta7 | awaiting A-RELEASE-RP |
 * | Sta8 | awaiting the local user's answer to A-RELEASE-RQ |
 * | Sta9 | release collision, requestor: awaiting the local user's answer |
 * | Sta10 | release collision, acceptor: awaiting A-RELEASE-RP |
 * | Sta11 | release collision, requestor: awaiting A-RELEASE-RP |
 * | Sta12 | release collision, acceptor: awaiting the local user's answer |
 * | Sta13 | awaiting the end of the transport connection |
 */
export const states = [
  'Sta1',
  'Sta2',
  'Sta3',
  'Sta4',
  'Sta5',
  'Sta6',
  'Sta7',
  'Sta8',
  'Sta9',
  'Sta10',
  'Sta11',
  'Sta12',
  'Sta13',
] as const;
export type State = (typeof states)[number];

/**
 * | event | meaning (PS3.8 Table 9-10) |
 * |---|---|
 * | Evt1 | local A-ASSOCIATE request |
 * | Evt2 | transport connection confirmed |
 * | Evt3 / Evt4 | A-ASSOCIATE-AC / -RJ received |
 * | Evt5 | transport connection indicated |
 * | Evt6 | A-ASSOCIATE-RQ received |
 * | Evt7 / Evt8 | local answer: accept / reject |
 * | Evt9 / Evt10 | local P-DATA request / P-DATA-TF received |
 * | Evt11 / Evt14 | local A-RELEASE request / response |
 * | Evt12 / Evt13 | A-RELEASE-RQ / -RP received |
 * | Evt15 / Evt16 | local A-ABORT request / A-ABORT received |
 * | Evt17 | transport connection closed |
 * | Evt18 | ARTIM timer expired |
 * | Evt19 | unrecognised or invalid PDU received |
 */
export type Event = keyof typeof cells;

/** PS3.8 Tables 9-6 to 9-9, each with the state it leads to. */
export const nextState = {
  /** Issue TRANSPORT CONNECT request. */
  'AE-1': 'Sta4',
  /** Send A-ASSOCIATE-RQ. */
  'AE-2': 'Sta5',
  /** Confirm: accepted. */
  'AE-3': 'Sta6',
  /** Confirm: rejected; close the transport. */
  'AE-4': 'Sta1',
  /** Answer the transport connection; start ARTIM. */
  'AE-5': 'Sta2',
  /** Stop ARTIM; indicate A-ASSOCIATE, or (as Evt8 at once) send A-ASSOCIATE-RJ. */
  'AE-6': 'Sta3',
  /** Send A-ASSOCIATE-AC. */
  'AE-7': 'Sta6',
  /** Send A-ASSOCIATE-RJ; start ARTIM. */
  'AE-8': 'Sta13',
  /** Send P-DATA-TF. */
  'DT-1': 'Sta6',
  /** Indicate P-DATA. */
  'DT-2': 'Sta6',
  /** Send A-RELEASE-RQ. */
  'AR-1': 'Sta7',
  /** Indicate A-RELEASE. */
  'AR-2': 'Sta8',
  /** Confirm A-RELEASE; close the transport. */
  'AR-3': 'Sta1',
  /** Send A-RELEASE-RP; start ARTIM. */
  'AR-4': 'Sta13',
  /** Stop ARTIM. */
  'AR-5': 'Sta1',
  /** Indicate P-DATA while awaiting A-RELEASE-RP. */
  'AR-6': 'Sta7',
  /** Send P-DATA-TF before answering A-RELEASE-RQ. */
  'AR-7': 'Sta8',
  /** Indicate A-RELEASE: collision. */
  'AR-8': { requestor: 'Sta9', acceptor: 'Sta10' },
  /** Send A-RELEASE-RP. */
  'AR-9': 'Sta11',
  /** Confirm A-RELEASE. */
  'AR-10': 'Sta12',
  /** Send A-ABORT (user); start or restart ARTIM. */
  'AA-1': 'Sta13',
  /** Stop ARTIM; close the transport. */
  'AA-2': 'Sta1',
  /** Indicate A-ABORT or A-P-ABORT; close the transport. */
  'AA-3': 'Sta1',
  /** Indicate A-P-ABORT. */
  'AA-4': 'Sta1',
  /** Stop ARTIM. */
  'AA-5': 'Sta1',
  /** Ignore the PDU. */
  'AA-6': 'Sta13',
  /** Send A-ABORT. */
  'AA-7': 'Sta13',
  /** Send A-ABORT (provider); indicate A-P-ABORT; start ARTIM. */
  'AA-8': 'Sta13',
} as const satisfies Record<string, State | Record<Role, State>>;
export type Action = keyof typeof nextState;

export type Role = 'requestor' | 'acceptor';

type Cell = Action | undefined;
type Row = readonly [Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell];

const none = undefined;

/** One row an event, one column a state (Sta1 … Sta13), as printed. `none`: cannot happen. */
// prettier-ignore
const cells = {
  //      Sta1    Sta2    Sta3    Sta4    Sta5    Sta6    Sta7    Sta8    Sta9    Sta10   Sta11   Sta12   Sta13
  Evt1:  ['AE-1',  none,    none,    none,    none,    none,    none,    none,    none,    none,    none,    none,    none],
  Evt2:  [none,    none,    none,    'AE-2',  none,    none,    none,    none,    none,    none,    none,    none,    none],
  Evt3:  [none,    'AA-1',  'AA-8',  none,    'AE-3',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-6'],
  Evt4:  [none,    'AA-1',  'AA-8',  none,    'AE-4',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-6'],
  Evt5:  ['AE-5',  none,    none,    none,    none,    none,    none,    none,    none,    none,    none,    none,    none],
  Evt6:  [none,    'AE-6',  'AA-8',  none,    'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-7'],
  Evt7:  [none,    none,    'AE-7',  none,    none,    none,    none,    none,    none,    none,    none,    none,    none],
  Evt8:  [none,    none,    'AE-8',  none,    none,    none,    none,    none,    none,    none,    none,    none,    none],
  Evt9:  [none,    none,    none,    none,    none,    'DT-1',  none,    'AR-7',  none,    none,    none,    none,    none],
  Evt10: [none,    'AA-1',  'AA-8',  none,    'AA-8',  'DT-2',  'AR-6',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-6'],
  Evt11: [none,    none,    none,    none,    none,    'AR-1',  none,    none,    none,    none,    none,    none,    none],
  Evt12: [none,    'AA-1',  'AA-8',  none,    'AA-8',  'AR-2',  'AR-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-6'],
  Evt13: [none,    'AA-1',  'AA-8',  none,    'AA-8',  'AA-8',  'AR-3',  'AA-8',  'AA-8',  'AR-10', 'AR-3',  'AA-8',  'AA-6'],
  Evt14: [none,    none,    none,    none,    none,    none,    none,    'AR-4',  'AR-9',  none,    none,    'AR-4',  none],
  Evt15: [none,    none,    'AA-1',  'AA-2',  'AA-1',  'AA-1',  'AA-1',  'AA-1',  'AA-1',  'AA-1',  'AA-1',  'AA-1',  none],
  Evt16: [none,    'AA-2',  'AA-3',  none,    'AA-3',  'AA-3',  'AA-3',  'AA-3',  'AA-3',  'AA-3',  'AA-3',  'AA-3',  'AA-2'],
  Evt17: [none,    'AA-5',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AA-4',  'AR-5'],
  Evt18: [none,    'AA-2',  none,    none,    none,    none,    none,    none,    none,    none,    none,    none,    'AA-2'],
  Evt19: [none,    'AA-1',  'AA-8',  none,    'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-8',  'AA-7'],
} as const satisfies Record<string, Row>;

/** All events, in order. */
export const events = Object.keys(cells) as readonly Event[];

/**
 * Looks up what an event means in a state.
 *
 * @returns `undefined` where the table is blank: a local request that makes no sense then.
 */
export function actionFor(state: State, event: Event): Action | undefined {
  return cells[event][columnOf[state]];
}

const columnOf = Object.fromEntries(states.map((state, column) => [state, column])) as Readonly<
  Record<State, number>
>;

/** The state an action leads to; only the release collision depends on the role. */
export function stateAfter(action: Action, role: Role): State {
  const next = nextState[action];
  return typeof next === 'string' ? next : next[role];
}
