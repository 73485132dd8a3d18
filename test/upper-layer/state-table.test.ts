import { describe, expect, it } from 'vitest';
import {
  actionFor,
  events,
  nextState,
  stateAfter,
  states,
} from '../../src/upper-layer/state-table.ts';

/**
 * Table 9-10 once more, read down the states instead of along the events, and written out without
 * any notion of what events have in common.
 */
const bySta: Readonly<Record<string, string>> = {
  Sta1: '1:AE-1 5:AE-5',
  Sta2: '3:AA-1 4:AA-1 6:AE-6 10:AA-1 12:AA-1 13:AA-1 16:AA-2 17:AA-5 18:AA-2 19:AA-1',
  Sta3: '3:AA-8 4:AA-8 6:AA-8 7:AE-7 8:AE-8 10:AA-8 12:AA-8 13:AA-8 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta4: '2:AE-2 15:AA-2 17:AA-4',
  Sta5: '3:AE-3 4:AE-4 6:AA-8 10:AA-8 12:AA-8 13:AA-8 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta6: '3:AA-8 4:AA-8 6:AA-8 9:DT-1 10:DT-2 11:AR-1 12:AR-2 13:AA-8 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta7: '3:AA-8 4:AA-8 6:AA-8 10:AR-6 12:AR-8 13:AR-3 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta8: '3:AA-8 4:AA-8 6:AA-8 9:AR-7 10:AA-8 12:AA-8 13:AA-8 14:AR-4 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta9: '3:AA-8 4:AA-8 6:AA-8 10:AA-8 12:AA-8 13:AA-8 14:AR-9 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta10: '3:AA-8 4:AA-8 6:AA-8 10:AA-8 12:AA-8 13:AR-10 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta11: '3:AA-8 4:AA-8 6:AA-8 10:AA-8 12:AA-8 13:AR-3 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta12: '3:AA-8 4:AA-8 6:AA-8 10:AA-8 12:AA-8 13:AA-8 14:AR-4 15:AA-1 16:AA-3 17:AA-4 19:AA-8',
  Sta13: '3:AA-6 4:AA-6 6:AA-7 10:AA-6 12:AA-6 13:AA-6 16:AA-2 17:AR-5 18:AA-2 19:AA-7',
};

describe('state table', () => {
  it.each(states)('has the cells of PS3.8 Table 9-10 in %s', (state) => {
    const cells = events.flatMap((event) => {
      const action = actionFor(state, event);
      return action === undefined ? [] : [`${event.slice(3)}:${action}`];
    });

    expect(cells.join(' ')).toBe(bySta[state]);
  });

  it('has 19 events and 13 states', () => {
    expect(events).toEqual(Array.from({ length: 19 }, (_, index) => `Evt${index + 1}`));
    expect(states.length).toBe(13);
  });

  it('uses every action and reaches every state', () => {
    const used = new Set(states.flatMap((state) => events.map((event) => actionFor(state, event))));
    const reached = new Set(
      Object.keys(nextState).flatMap((action) => [
        stateAfter(action as keyof typeof nextState, 'requestor'),
        stateAfter(action as keyof typeof nextState, 'acceptor'),
      ]),
    );

    for (const action of Object.keys(nextState)) expect(used).toContain(action);
    expect([...reached].sort()).toEqual([...states].sort());
  });

  it('answers every PDU and the loss of the connection in every state that has one', () => {
    const fromOutside = [
      'Evt3',
      'Evt4',
      'Evt6',
      'Evt10',
      'Evt12',
      'Evt13',
      'Evt16',
      'Evt17',
      'Evt19',
    ] as const;
    for (const state of states) {
      if (state === 'Sta1' || state === 'Sta4') continue;
      for (const event of fromOutside)
        expect(actionFor(state, event), `${state} ${event}`).toBeDefined();
    }
  });

  it('keeps the roles apart in a release collision only', () => {
    const differing = (Object.keys(nextState) as (keyof typeof nextState)[]).filter(
      (action) => stateAfter(action, 'requestor') !== stateAfter(action, 'acceptor'),
    );

    expect(differing).toEqual(['AR-8']);
    expect(stateAfter('AR-8', 'requestor')).toBe('Sta9');
    expect(stateAfter('AR-8', 'acceptor')).toBe('Sta10');
  });
});
