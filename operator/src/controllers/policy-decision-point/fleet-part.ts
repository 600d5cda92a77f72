import type { FileSource } from '@edict/crds';

/** What one member of a fleet's spec asks of its pods. */
export interface FleetPart {
  /** Settings of the PDPs by name. */
  readonly variables: Readonly<Record<string, string>>;
  readonly files: readonly MountedFile[];
}

/** A file that the pods have from a Secret or a ConfigMap. The kubelet replaces it when that changes. */
export interface MountedFile {
  readonly from: FileSource;
  /** Below {@link FILES_FOLDER}. */
  readonly path: string;
}

/** A volume of a pod. */
export interface NamedVolume {
  readonly name: string;
  readonly [member: string]: unknown;
}

/** The folder of all such files. */
export const FILES_FOLDER = '/etc/edict/files';

/** A file of a part, with the setting that names it; nothing if there is none. */
export function fileSetting(variable: string, from: FileSource | undefined, path: string): FleetPart {
  if (from === undefined) return { variables: {}, files: [] };
  return { variables: { [variable]: `${FILES_FOLDER}/${path}` }, files: [{ from, path }] };
}

/** Settings alone; what is undefined is left out. */
export function settings(variables: Readonly<Record<string, string | undefined>>): FleetPart {
  const set = Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { variables: Object.fromEntries(set), files: [] };
}

/** All parts as one. */
export function together(parts: readonly FleetPart[]): FleetPart {
  return {
    variables: Object.assign({}, ...parts.map(({ variables }) => variables)) as Record<string, string>,
    files: parts.flatMap(({ files }) => files),
  };
}

/** The volume of the files: one, so that the kubelet replaces them together. */
export function filesVolume(files: readonly MountedFile[]): NamedVolume {
  return {
    name: 'files',
    projected: {
      // Whoever the container runs as must read them: nobody else is in it.
      defaultMode: 0o444,
      sources: files.map(({ from: { secretName, configMapName, key }, path }) => {
        const items = [{ key, path }];
        return secretName === undefined
          ? { configMap: { name: configMapName, items } }
          : { secret: { name: secretName, items } };
      }),
    },
  };
}
