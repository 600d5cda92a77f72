import { formatBinaryFloat, formatFloat, formatHexFloat, type FloatVerb } from './go-float.ts';
import { quoteText, quoteWith } from './text.ts';

/** An argument of a format, by the Go type that it stands for. */
export type FormatArgument =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int64'; readonly value: bigint }
  | { readonly type: 'big.Int'; readonly value: bigint }
  | { readonly type: 'float64'; readonly value: number };

/** Largest width or precision; beyond it Go ignores the number too. */
const MAX_WIDTH = 1_000_000;

interface Flags {
  sharp: boolean;
  zero: boolean;
  plus: boolean;
  minus: boolean;
  space: boolean;
  width: number | undefined;
  precision: number | undefined;
}

/** Formats as Go's fmt.Sprintf does, its marks for mistakes (`%!d(string=x)`, `%!(EXTRA ...)`) included. */
export function goFormat(format: string, args: readonly FormatArgument[]): string {
  return new Formatter(format, args).run();
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly FormatArgument[];
  #at = 0;
  #next = 0;
  #reordered = false;
  #goodIndex = true;
  #afterIndex = false;

  constructor(format: string, args: readonly FormatArgument[]) {
    this.#format = format;
    this.#args = args;
  }

  run(): string {
    const format = this.#format;
    let result = '';
    while (this.#at < format.length) {
      const percent = format.indexOf('%', this.#at);
      if (percent < 0) {
        result += format.slice(this.#at);
        break;
      }
      result += format.slice(this.#at, percent);
      this.#at = percent + 1;
      result += this.#directive();
    }
    return this.#reordered || this.#next >= this.#args.length ? result : result + this.#extra();
  }

  #extra(): string {
    const rest = this.#args.slice(this.#next).map((arg) => `${typeName(arg)}=${formatArgument(arg, 'v', noFlags())}`);
    return `%!(EXTRA ${rest.join(', ')})`;
  }

  #directive(): string {
    const flags = noFlags();
    this.#forgetIndex();
    this.#flags(flags);
    this.#index();
    const complaint = this.#width(flags) + this.#precision(flags);
    if (!this.#afterIndex) this.#index();
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) return `${complaint}%!(NOVERB)`;
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    if (verb === '%') return `${complaint}%`;
    if (!this.#goodIndex) return `${complaint}%!${verb}(BADINDEX)`;
    const arg = this.#args[this.#next];
    if (arg === undefined) return `${complaint}%!${verb}(MISSING)`;
    this.#next++;
    return complaint + formatArgument(arg, verb, flags);
  }

  #forgetIndex(): void {
    this.#goodIndex = true;
    this.#afterIndex = false;
  }

  #flags(flags: Flags): void {
    for (; ; this.#at++) {
      switch (this.#format[this.#at]) {
        case '#':
          flags.sharp = true;
          break;
        case '0':
          flags.zero = true;
          break;
        case '+':
          flags.plus = true;
          break;
        case '-':
          flags.minus = true;
          break;
        case ' ':
          flags.space = true;
          break;
        default:
          return;
      }
    }
  }

  /** Reads `[n]`. */
  #index(): void {
    this.#afterIndex = false;
    if (this.#format[this.#at] !== '[') return;
    this.#reordered = true;
    const close = this.#format.indexOf(']', this.#at);
    const digits = close < 0 ? '' : this.#format.slice(this.#at + 1, close);
    const isNumber = /^\d+$/.test(digits) && Number(digits) <= MAX_WIDTH;
    const index = Number(digits) - 1;
    this.#at = close < 0 || this.#format.length - this.#at < 3 ? this.#at + 1 : close + 1;
    if (isNumber && index >= 0 && index < this.#args.length) this.#next = index;
    else this.#goodIndex = false;
    this.#afterIndex = isNumber;
  }

  #width(flags: Flags): string {
    if (this.#format[this.#at] !== '*') {
      flags.width = this.#number();
      if (this.#afterIndex && flags.width !== undefined) this.#goodIndex = false;
      return '';
    }
    this.#at++;
    flags.width = this.#argumentNumber();
    this.#afterIndex = false;
    if (flags.width === undefined) return '%!(BADWIDTH)';
    if (flags.width < 0) {
      flags.width = -flags.width;
      flags.minus = true;
      flags.zero = false;
    }
    return '';
  }

  #precision(flags: Flags): string {
    if (this.#format[this.#at] !== '.') return '';
    this.#at++;
    if (this.#afterIndex) this.#goodIndex = false;
    this.#index();
    if (this.#format[this.#at] !== '*') {
      flags.precision = this.#number() ?? 0;
      return '';
    }
    this.#at++;
    const precision = this.#argumentNumber();
    this.#afterIndex = false;
    if (precision === undefined || precision < 0) return '%!(BADPREC)';
    flags.precision = precision;
    return '';
  }

  #number(): number | undefined {
    const start = this.#at;
    while (/\d/.test(this.#format[this.#at] ?? '')) this.#at++;
    if (this.#at === start) return undefined;
    const value = Number(this.#format.slice(start, this.#at));
    return value > MAX_WIDTH ? undefined : value;
  }

  #argumentNumber(): number | undefined {
    const arg = this.#args[this.#next];
    if (arg === undefined) return undefined;
    this.#next++;
    if (arg.type !== 'int64' || arg.value > MAX_WIDTH || arg.value < -MAX_WIDTH) return undefined;
    return Number(arg.value);
  }
}

function noFlags(): Flags {
  return { sharp: false, zero: false, plus: false, minus: false, space: false, width: undefined, precision: undefined };
}

function typeName(arg: FormatArgument): string {
  switch (arg.type) {
    case 'big.Int':
      return '*big.Int';
    case 'int64':
      // OPA called it `int` up to 1.15, and the reference engine does: see docs/adr/0005-int-in-sprintf.md.
      return 'int';
    default:
      return arg.type;
  }
}

function formatArgument(arg: FormatArgument, verb: string, flags: Flags): string {
  if (verb === 'T') return pad(truncate(typeName(arg), flags), flags);
  if (verb === 'p') return badVerb(arg, verb, flags);
  // %#v and %+v ask for Go syntax and field names, which only strings and floats have a form of here.
  if (verb !== 'v' || arg.type === 'big.Int') return formatValue(arg, verb, flags);
  if (flags.sharp && arg.type === 'string') return pad(quoteText(truncate(arg.value, flags)), flags);
  return formatValue(arg, verb, { ...flags, sharp: false, plus: false });
}

function formatValue(arg: FormatArgument, verb: string, flags: Flags): string {
  switch (arg.type) {
    case 'string':
      return formatString(arg.value, verb, flags);
    case 'int64':
      return formatInteger(arg.value, verb, flags);
    case 'big.Int':
      return formatBigInt(arg.value, verb, flags);
    case 'float64':
      return formatDouble(arg.value, verb, flags);
  }
}

function badVerb(arg: FormatArgument, verb: string, flags: Flags): string {
  return `%!${verb}(${typeName(arg)}=${formatValue(arg, 'v', flags)})`;
}

function formatString(value: string, verb: string, flags: Flags): string {
  switch (verb) {
    case 'v':
    case 's':
      return pad(truncate(value, flags), flags);
    case 'q': {
      const text = truncate(value, flags);
      if (flags.sharp && /^[^`\p{Cc}\ufeff]*$/u.test(text)) return pad(`\`${text}\``, flags);
      return pad(quoteText(text, flags.plus), flags);
    }
    case 'x':
    case 'X':
      return formatHex(value, verb, flags);
    default:
      return badVerb({ type: 'string', value }, verb, flags);
  }
}

function formatHex(value: string, verb: 'x' | 'X', flags: Flags): string {
  const bytes = [...new TextEncoder().encode(value)].slice(0, flags.precision ?? value.length * 3);
  const prefix = flags.sharp ? `0${verb}` : '';
  const pairs = bytes.map((byte) => {
    const hex = byte.toString(16).padStart(2, '0');
    return verb === 'X' ? hex.toUpperCase() : hex;
  });
  if (pairs.length === 0) return pad('', flags);
  return pad(prefix + pairs.join(flags.space ? ` ${prefix}` : ''), flags);
}

const BASES: ReadonlyMap<string, number> = new Map([
  ['v', 10],
  ['d', 10],
  ['b', 2],
  ['o', 8],
  ['O', 8],
  ['x', 16],
  ['X', 16],
]);

function formatInteger(value: bigint, verb: string, flags: Flags): string {
  const base = BASES.get(verb);
  if (base !== undefined) return formatBase(value, base, verb, flags);
  switch (verb) {
    case 'c':
      return pad(codePointText(value), flags);
    case 'q':
      return pad(quoteWith(codePointText(value), "'", flags.plus), flags);
    case 'U':
      return formatUnicode(value, flags);
    default:
      return badVerb({ type: 'int64', value }, verb, flags);
  }
}

function formatBase(value: bigint, base: number, verb: string, flags: Flags): string {
  const negative = value < 0n;
  let minimum = 0;
  if (flags.precision !== undefined) {
    minimum = flags.precision;
    if (minimum === 0 && value === 0n) return ' '.repeat(flags.width ?? 0);
  } else if (flags.zero && !flags.minus && flags.width !== undefined) {
    minimum = flags.width - (negative || flags.plus || flags.space ? 1 : 0);
  }
  let digits = (negative ? -value : value).toString(base).padStart(minimum, '0');
  if (verb === 'X') digits = digits.toUpperCase();
  if (flags.sharp) {
    if (base === 2) digits = `0b${digits}`;
    else if (base === 8 && !digits.startsWith('0')) digits = `0${digits}`;
    else if (base === 16) digits = `0${verb}${digits}`;
  }
  if (verb === 'O') digits = `0o${digits}`;
  return pad(signOf(negative, flags) + digits, { ...flags, zero: false });
}

/** big.Int has its own formatter, which knows no %c, %q and %U and takes %s. */
function formatBigInt(value: bigint, verb: string, flags: Flags): string {
  const base = verb === 's' ? 10 : BASES.get(verb);
  if (base === undefined) return `%!${verb}(big.Int=${String(value)})`;
  const negative = value < 0n;
  let prefix = '';
  if (flags.sharp) prefix = ({ b: '0b', o: '0', x: '0x', X: '0X' } as Record<string, string>)[verb] ?? '';
  if (verb === 'O') prefix = '0o';
  let digits = (negative ? -value : value).toString(base);
  if (verb === 'X') digits = digits.toUpperCase();
  if (flags.precision !== undefined) {
    if (flags.precision === 0 && value === 0n) return '';
    digits = digits.padStart(flags.precision, '0');
  }
  const sign = signOf(negative, flags);
  const missing = (flags.width ?? 0) - sign.length - prefix.length - digits.length;
  if (missing <= 0) return sign + prefix + digits;
  if (flags.minus) return sign + prefix + digits + ' '.repeat(missing);
  if (flags.zero && flags.precision === undefined) return sign + prefix + '0'.repeat(missing) + digits;
  return ' '.repeat(missing) + sign + prefix + digits;
}

function formatUnicode(value: bigint, flags: Flags): string {
  const digits = BigInt.asUintN(64, value).toString(16).toUpperCase();
  let text = `U+${digits.padStart(Math.max(flags.precision ?? 4, 4), '0')}`;
  const char = codePointText(value);
  if (flags.sharp && !/^[\p{C}\p{Z}]$/u.test(char)) text += ` '${char}'`;
  return pad(text, { ...flags, zero: false });
}

function formatDouble(value: number, verb: string, flags: Flags): string {
  switch (verb) {
    case 'v':
    case 'g':
    case 'G':
      return finishFloat(cased(formatFloat(value, 'g', flags.precision ?? -1), verb), flags, 'g');
    case 'e':
    case 'E':
      return finishFloat(cased(formatFloat(value, 'e', flags.precision ?? 6), verb), flags, 'e');
    case 'f':
    case 'F':
      return finishFloat(formatFloat(value, 'f', flags.precision ?? 6), flags, 'f');
    case 'b':
      return finishFloat(formatBinaryFloat(value), { ...flags, sharp: false }, 'f');
    case 'x':
    case 'X':
      return finishFloat(cased(formatHexFloat(value, flags.precision ?? -1), verb), { ...flags, sharp: false }, 'f');
    default:
      return badVerb({ type: 'float64', value }, verb, flags);
  }
}

function cased(text: string, verb: string): string {
  return verb === verb.toUpperCase() ? text.toUpperCase() : text;
}

function finishFloat(text: string, flags: Flags, verb: FloatVerb): string {
  const negative = text.startsWith('-');
  let unsigned = negative ? text.slice(1) : text;
  if (flags.sharp) unsigned = withPoint(unsigned, flags, verb);
  const sign = signOf(negative, flags);
  if (sign !== '' && flags.zero && !flags.minus && flags.width !== undefined) {
    return sign + unsigned.padStart(flags.width - 1, '0');
  }
  return pad(sign + unsigned, flags);
}

/** The # flag: always a point, and for %g no zeros taken off. */
function withPoint(text: string, flags: Flags, verb: FloatVerb): string {
  const marker = text.search(/[eE]/);
  const tail = marker < 0 ? '' : text.slice(marker);
  let mantissa = marker < 0 ? text : text.slice(0, marker);
  if (!mantissa.includes('.')) mantissa += '.';
  if (verb === 'g') {
    const wanted = flags.precision ?? 6;
    const significant = mantissa.replace('.', '').replace(/^0+(?=.)/, '').length;
    mantissa += '0'.repeat(Math.max(wanted - significant, 0));
  }
  return mantissa + tail;
}

function signOf(negative: boolean, flags: Flags): string {
  if (negative) return '-';
  if (flags.plus) return '+';
  return flags.space ? ' ' : '';
}

function codePointText(value: bigint): string {
  const isValid = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn);
  return isValid ? String.fromCodePoint(Number(value)) : '\ufffd';
}

function truncate(text: string, flags: Flags): string {
  if (flags.precision === undefined || flags.precision >= text.length) return text;
  return Array.from(text).slice(0, flags.precision).join('');
}

function pad(text: string, flags: Flags): string {
  if (flags.width === undefined) return text;
  const missing = flags.width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.minus) return text + ' '.repeat(missing);
  return (flags.zero ? '0' : ' ').repeat(missing) + text;
}
