/** Variables of a PDP whose only sink takes the records of a set that is not there: it writes none. */
export const NO_RECORDS: Readonly<Record<string, string>> = {
  EDICT_PDP_AUDIT_SETTINGS: JSON.stringify({ sinks: [{ name: 'none', type: 'Stdout', sets: ['nobody/nothing'] }] }),
};
