//! Runs the seeds of every target and a fixed number of mutations, on any compiler. The target's name seeds
//! the mutations, so a failure is reproducible.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::TARGETS;

/// Mutations of each target.
const MUTATIONS: u64 = 3_000;
/// In bytes.
const BYTES_MAX: usize = 4_096;

/// Tokens with a meaning to parsers.
const PIECES: [&[u8]; 40] = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"0.1",
    b"<",
    b">",
    b"</",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"&#0;",
    b"&amp;",
    b"<!DOCTYPE a>",
    b"%00",
    b"%zz",
    b"+",
    b"=",
    b"&",
    b"[]=",
    b"\n",
    b";q=0",
    b"9999999999999999",
];

/// Deterministic random numbers (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn of(name: &str) -> Self {
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).expect("64 bits");
        usize::try_from(self.next() % end).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// A seed with one to four changes.
fn mutated(numbers: &mut Numbers, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let until = at + numbers.below((bytes.len() - at).min(32) + 1);
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = numbers.byte(),
            2 => drop(bytes.splice(at..at, [numbers.byte()])),
            3 => drop(bytes.drain(at..until)),
            4 => {
                let copy = bytes[at..until].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            5 => {
                let other = &seeds[numbers.below(seeds.len())];
                let from = numbers.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

/// File names without extensions.
fn names(path: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder(path)).expect("a folder of the repository");
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("a readable entry").path();
        path.file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    entries.map(stem).collect()
}

/// Runs a target and prints the bytes that fail.
fn run(name: &str, bytes: &[u8]) {
    let survived = std::panic::catch_unwind(|| super::run(name, bytes)).is_ok();
    assert!(
        survived,
        "{name} does not hold for b\"{}\"",
        bytes.escape_ascii()
    );
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).expect("a readable file");
    for name in &targets {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} in fuzz/Cargo.toml"
        );
    }
}

#[test]
fn every_target_holds_for_its_seeds_and_for_mutations_of_them() {
    for (name, _) in TARGETS {
        let entries = std::fs::read_dir(folder("seeds").join(name)).expect("a folder of seeds");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("readable").path())
            .collect();
        // Directory order depends on the file system; the mutations must not.
        paths.sort();
        let seeds: Vec<_> = paths
            .iter()
            .map(|path| std::fs::read(path).expect("a readable seed"))
            .collect();
        assert!(!seeds.is_empty(), "{name} has seeds");
        for seed in &seeds {
            run(name, seed);
        }
        let mut numbers = Numbers::of(name);
        for _ in 0..MUTATIONS {
            run(name, &mutated(&mut numbers, &seeds));
        }
    }
}
