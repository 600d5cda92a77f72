/**
 * Counts the members that comparing, keying and writing of composite values go through. Values share parts: thirty rules of
 * the form `a2 := [a1, a1]` make one that takes gigabytes to write, and ages to compare. An evaluation bounds the visits by
 * its budget of steps; outside of evaluations there is no bound.
 *
 * The count belongs to the thread: evaluations are synchronous and never overlap, and the functions that count, which call
 * themselves for every member, would take much longer with one argument more.
 */
let left = Infinity;
let renew: () => number = () => Infinity;

/** Visits that text made of a member counts for: texts take memory as well. */
export const VISITS_PER_TEXT = 8;

/** Counts visits. Throws what the evaluation throws that has used up its budget. */
export const visit = (members: number): void => {
  if ((left -= members) < 0) left = renew();
};

/** Allows so many visits; whoever needs more has `more` called, which gives the next, or throws. */
export const boundVisits = (first: number, more: () => number): void => {
  left = first;
  renew = more;
};

/** Ends the bound. */
export const freeVisits = (): void => {
  left = Infinity;
};
