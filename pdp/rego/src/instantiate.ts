import type { Instance, InstanceOptions, Program } from './api.ts';

/** Binds a program to base documents. */
export const instantiate = (program: Program, options: InstanceOptions = {}): Instance => {
  void program;
  void options;
  throw new Error('the runtime is not wired yet');
};
