/** Arrays with fewer members are sorted by insertion, which takes less time than calling the sort of the engine. */
const SHORT = 12;

/** Sorts in place by an order, and returns the array; equal members keep their places. */
export const sortBy = <T>(values: T[], order: (a: T, b: T) => number): T[] => {
  if (values.length > SHORT) return values.sort(order);
  for (let index = 1; index < values.length; index++) {
    const value = values[index] as T;
    let place = index;
    for (; place > 0 && order(values[place - 1] as T, value) > 0; place--) values[place] = values[place - 1] as T;
    if (place !== index) values[place] = value;
  }
  return values;
};

/** Sorts strings in place by code point and returns them. */
export const sortStrings = (strings: string[]): string[] => sortBy(strings, compareStrings);

/** Orders strings by code point, which is also the order of their UTF-8 bytes. */
export const compareStrings = (a: string, b: string): number => {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) {
      // A surrogate stands for a code point above every lone unit.
      const surrogateA = unitA >= 0xd800 && unitA <= 0xdfff;
      const surrogateB = unitB >= 0xd800 && unitB <= 0xdfff;
      if (surrogateA !== surrogateB) return surrogateA ? 1 : -1;
      return unitA - unitB;
    }
  }
  return a.length - b.length;
};
