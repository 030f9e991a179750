// Package syntax reads source code: where it is broken, what it defines and
// uses, and how to change one definition while every other byte stays.
//
// Go, C, Elixir, Python, JavaScript, TypeScript, Rust and shell are parsed by
// tree-sitter grammars, with one query a language in queries/; Erlang, which
// has no grammar that resolves as a module, by a scanner of this package. The
// package knows languages and nothing of cf: it reads no files, starts no
// programs and imports nothing of ours. It must never report a file as sound
// that it could not read to its end.
//
// Invariants:
//  1. A File is a plain value. It holds no C memory, needs no closing, and may
//     be read from many goroutines. It keeps the source it was made from, which
//     must not be changed afterwards.
//  2. Every range lies inside the source; the ranges of two symbols are equal,
//     disjoint, or one holds the other.
//  3. Parsing is bounded in size, time and memory whatever the bytes are; a
//     bound that is hit is an error, never a shorter result.
//  4. Replace and Splice change the bytes they name and no others.
package syntax
