/** Names the worker that a process is, from 1 on; unset in every other process. */
export const WORKER_VARIABLE = 'EDICT_PDP_WORKER';
