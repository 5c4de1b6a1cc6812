//! A sum of the hashes of rows: it follows what comes and goes, in any order.

use sha2::{Digest, Sha256};

/// A sum of hashes modulo 2^256, least significant word first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum(pub(super) [u64; 4]);

impl Sum {
    pub(super) fn of(table: &str, part: &str, image: &[u8]) -> Self {
        Self::of_part(table, part.as_bytes(), image)
    }

    /// The same of a part as it was read.
    pub(super) fn of_part(table: &str, part: &[u8], image: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for field in [b"kubegrant row v1", table.as_bytes(), part, image] {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(hasher.finalize().chunks_exact(8)) {
            *word = bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        Self(words)
    }

    pub(super) fn add(&mut self, other: Self) {
        let mut carry = false;
        for (word, more) in self.0.iter_mut().zip(other.0) {
            let (sum, first) = word.overflowing_add(more);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, first || second);
        }
    }

    pub(super) fn negated(self) -> Self {
        let mut negative = Self(self.0.map(|word| !word));
        negative.add(Self([1, 0, 0, 0]));
        negative
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    pub(super) fn to_text(self) -> String {
        let [a, b, c, d] = self.0;
        format!("{a:016x}{b:016x}{c:016x}{d:016x}")
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = [0; 4];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (number, word) in words.iter_mut().enumerate() {
            *word = u64::from_str_radix(text.get(16 * number..16 * (number + 1))?, 16).ok()?;
        }
        Some(Self(words))
    }
}
