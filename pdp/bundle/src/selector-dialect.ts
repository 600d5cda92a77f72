/** Long names of Unicode's general categories, in the form that {@link canonicalName} gives. */
const categoryAliases: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ Other: 'C', Control: 'Cc', Cntrl: 'Cc', Format: 'Cf', Unassigned: 'Cn', Privateuse: 'Co', Surrogate: 'Cs' },
    ...{ Letter: 'L', Casedletter: 'LC', Lowercaseletter: 'Ll', Modifierletter: 'Lm', Otherletter: 'Lo' },
    ...{ Titlecaseletter: 'Lt', Uppercaseletter: 'Lu', Mark: 'M', Combiningmark: 'M', Spacingmark: 'Mc' },
    ...{ Enclosingmark: 'Me', Nonspacingmark: 'Mn', Number: 'N', Decimalnumber: 'Nd', Digit: 'Nd', Letternumber: 'Nl' },
    ...{ Othernumber: 'No', Punctuation: 'P', Punct: 'P', Connectorpunctuation: 'Pc', Dashpunctuation: 'Pd' },
    ...{ Closepunctuation: 'Pe', Finalpunctuation: 'Pf', Initialpunctuation: 'Pi', Otherpunctuation: 'Po' },
    ...{ Openpunctuation: 'Ps', Symbol: 'S', Currencysymbol: 'Sc', Modifiersymbol: 'Sk', Mathsymbol: 'Sm' },
    ...{ Othersymbol: 'So', Separator: 'Z', Lineseparator: 'Zl', Paragraphseparator: 'Zp', Spaceseparator: 'Zs' },
    Lc: 'LC',
  }),
);

/**
 * Rewrites a Go expression into one that re2js takes in the same sense. They differ in names: Go compares Unicode names
 * without regard to case, spaces and hyphens, knows `\p{ASCII}`, has no names of several words for scripts, and lets
 * capture groups share a name. Anything else, mistakes included, is passed on as it is.
 */
export function toRe2jsDialect(expression: string): string {
  let out = '';
  let groups = 0;
  // Where a character class began, or -1: inside one, brackets and quoting mean other things.
  let classStart = -1;
  for (let index = 0; index < expression.length;) {
    const rest = expression.slice(index);
    const quoted = classStart === -1 ? /^\\Q[^]*?(?:\\E|$)/.exec(rest) : null;
    const property = /^\\([pP])(?:\{(\^?)([^}]*)\}|([A-Za-z]))/.exec(rest);
    const group = classStart === -1 ? /^\(\?P?<([A-Za-z0-9_]+)>/.exec(rest) : null;
    let taken: string;
    if (quoted !== null) {
      [taken] = quoted;
      out += taken;
    } else if (property !== null) {
      [taken] = property;
      out += rewriteProperty(property, classStart !== -1);
    } else if (group !== null) {
      [taken] = group;
      groups += 1;
      out += `(?P<g${String(groups)}>`;
    } else {
      taken =
        rest.startsWith('\\') || (classStart !== -1 && rest.startsWith('[:')) ? rest.slice(0, 2) : rest.slice(0, 1);
      out += taken;
      if (classStart === -1 && taken === '[') classStart = index + (rest.startsWith('[^') ? 2 : 1);
      else if (taken === ']' && index !== classStart && classStart !== -1) classStart = -1;
      else if (taken === '[:') {
        const end = rest.indexOf(':]');
        if (end > 1) {
          out += rest.slice(2, end + 2);
          taken = rest.slice(0, end + 2);
        }
      }
      // The caret of `[^` is copied here, so that a bracket right behind it is a member and not the end.
      if (taken === '[' && rest.startsWith('[^')) {
        out += '^';
        taken = '[^';
      }
    }
    index += taken.length;
  }
  return out;
}

function rewriteProperty(match: RegExpExecArray, inClass: boolean): string {
  const [, letter = 'p', caret = '', long, short] = match;
  const name = canonicalName(long ?? short ?? '');
  const negated = (letter === 'P') !== (caret === '^');
  if (name === 'Ascii') {
    const range = negated ? String.raw`\x{80}-\x{10FFFF}` : String.raw`\x00-\x7F`;
    return inClass ? range : `[${range}]`;
  }
  return `\\${negated ? 'P' : 'p'}{${categoryAliases.get(name) ?? name}}`;
}

/** `OLD-italic` and `Old_Italic` are `Olditalic`. */
function canonicalName(name: string): string {
  const joined = name.replace(/[ _-]/g, '');
  return joined.slice(0, 1).toUpperCase() + joined.slice(1).toLowerCase();
}
