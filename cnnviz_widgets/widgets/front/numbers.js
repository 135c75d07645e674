// Numbers in words, as words.py writes them: tests/front/number_formats.json holds both to the same texts.

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

export const minus = (text) => text.replace("-", "−");

/** "× 10⁻⁷" */
export const power = (exponent) => `× 10${String(exponent).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]))}`;

/** True for a power of ten that stands behind a number rather than in its zeros. */
export const isFar = (exponent) => exponent < -3 || exponent > 4;

/** A share in words, "38.5 %"; "0 %" and "100 %" are exactly that, "< 0.1 %" and "> 99.9 %" nearly. */
export function percent(share, digits = 1) {
  if (!Number.isFinite(share)) return "not finite";
  if (share === 0 || share === 1) return `${100 * share} %`;
  const rounded = (100 * share).toFixed(digits),
    step = 10 ** -digits;
  if (share > 0 && Number(rounded) === 0) return `< ${step} %`;
  if (share < 1 && Number(rounded) === 100) return `> ${100 - step} %`;
  return `${minus(rounded)} %`;
}

/** A number in a few digits, the way one would write it: "0", "−0.125", "12300", "1.5 × 10⁻⁷". */
export function number(value, digits = 3) {
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const [mantissa, exponent] = value
    .toExponential(digits - 1)
    .split("e")
    .map(Number);
  return minus(isFar(exponent) ? `${mantissa} ${power(exponent)}` : String(Number(value.toPrecision(digits))));
}
