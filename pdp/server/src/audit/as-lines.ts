/** Texts as bytes, a line feed behind each. */
export function asLines(texts: readonly string[]): Buffer {
  // What is put behind the joined text would have all of it copied once more.
  return Buffer.from([...texts, ''].join('\n'));
}
