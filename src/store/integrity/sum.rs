//! A sum of the hashes of rows: it follows what comes and goes, in any order.
//!
//! Such a sum is an incremental hash of a set (Bellare and Micciancio, 1997). As wide as one hash it
//! is weak: of rows of their own choice, some ten thousand, somebody finds those whose hashes add up to
//! nothing with about 2^32 attempts, which are minutes (Wagner, 2002). So each row's hash is drawn out to
//! 2048 bits; with 2^24 rows, more than anybody could overlook, that takes more than 2^100.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use chacha20::{ChaCha20, Key, Nonce};
use sha2::{Digest, Sha256};

/// The words of a sum.
pub(super) const WIDE: usize = 32;
/// The words of a sum in stores of schema 13 and before.
pub(super) const NARROW: usize = 4;

/// A sum of hashes modulo 2 to the number of its bits, least significant word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum<const WORDS: usize = WIDE>(pub(super) [u64; WORDS]);

impl<const WORDS: usize> Default for Sum<WORDS> {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl<const WORDS: usize> Sum<WORDS> {
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
        let hash = hasher.finalize();
        let mut bytes = [[0; 8]; WORDS];
        if WORDS == NARROW {
            bytes.as_flattened_mut().copy_from_slice(&hash);
        } else {
            // Each key is used for one row alone.
            let mut drawn = ChaCha20::new(Key::from_slice(&hash), &Nonce::default());
            drawn.apply_keystream(bytes.as_flattened_mut());
        }
        Self(bytes.map(u64::from_be_bytes))
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
        let mut one = Self::default();
        if let Some(least) = one.0.first_mut() {
            *least = 1;
        }
        negative.add(one);
        negative
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    pub(super) fn to_text(self) -> String {
        let bytes = self.0.map(u64::to_be_bytes);
        if WORDS == NARROW {
            return crate::domain::text::hex(bytes.as_flattened());
        }
        STANDARD_NO_PAD.encode(bytes.as_flattened())
    }

    /// Reads what [`Sum::to_text`] says.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut bytes = [[0; 8]; WORDS];
        if WORDS == NARROW {
            let is_plain = text.len() == 64 && text.is_ascii();
            for (word, place) in bytes.iter_mut().zip((0..).step_by(16)) {
                let digits = text.get(place..place + 16).filter(|_| is_plain)?;
                *word = u64::from_str_radix(digits, 16).ok()?.to_be_bytes();
            }
        } else {
            let place = bytes.as_flattened_mut();
            let read = STANDARD_NO_PAD.decode_slice(text, place).ok()?;
            if read != place.len() {
                return None;
            }
        }
        Some(Self(bytes.map(u64::from_be_bytes)))
    }
}
