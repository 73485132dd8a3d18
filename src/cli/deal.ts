/** Deals items out to at most so many hands, in turn; no hand is empty. */
export function deal<Item>(items: readonly Item[], hands: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.min(hands, items.length) }, (_each, hand) =>
    items.filter((_item, index) => index % hands === hand),
  );
}
