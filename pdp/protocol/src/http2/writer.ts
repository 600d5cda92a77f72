/** What has something to write, and writes it. */
export interface Writer {
  readonly writeNow: () => void;
}

/** Who decides when that is done: soon, and perhaps together with what others have to write. */
export interface Writes {
  readonly add: (writer: Writer) => void;
}
