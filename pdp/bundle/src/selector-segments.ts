/** Characters that mean themselves in an expression. Everything else is left to the real engine. */
const literal = /^[A-Za-z0-9:/_,;=@%&~<>"'` #!-]$/;
const escapable = /^[.\\+*?()|[\]{}^$/:_-]$/;

/**
 * A faster test for expressions of the form `^text.*text…$`, or `undefined` for any other. It answers what the regular
 * expression answers: `.*` stands for any run of characters without a line feed.
 */
export function compileSegments(expression: string): ((subject: string) => boolean) | undefined {
  const parts = splitSegments(expression);
  if (parts === undefined) return undefined;
  const [prefix = '', ...rest] = parts;
  const suffix = rest.pop();
  if (suffix === undefined) return (subject) => subject === prefix;
  return (subject) => {
    const end = subject.length - suffix.length;
    if (end < prefix.length || !subject.startsWith(prefix) || !subject.endsWith(suffix)) return false;
    if (subject.includes('\n')) return false; // no part holds one, and `.` excludes it
    let from = prefix.length;
    for (const part of rest) {
      const at = subject.indexOf(part, from);
      if (at === -1 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  };
}

/** The texts between the `.*`s, or `undefined` where there is anything else. */
function splitSegments(expression: string): readonly string[] | undefined {
  if (!expression.startsWith('^') || !expression.endsWith('$')) return undefined;
  const body = expression.slice(1, -1);
  const parts = [''];
  for (let index = 0; index < body.length; index += 1) {
    const char = body.charAt(index);
    const next = body.charAt(index + 1);
    if (char === '.' && next === '*' && !'?+*{'.includes(body.charAt(index + 2) || ' ')) {
      parts.push('');
      index += 1;
    } else if (char === '\\' && escapable.test(next)) {
      parts.push((parts.pop() ?? '') + next);
      index += 1;
    } else if (literal.test(char)) {
      parts.push((parts.pop() ?? '') + char);
    } else return undefined;
    if ('?+*{'.includes(body.charAt(index + 1) || ' ')) return undefined;
  }
  return parts;
}
