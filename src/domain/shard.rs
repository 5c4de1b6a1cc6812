//! Shards: binding lists of one kind that share their accounts out among them.
//!
//! The API server walks a list at each request, each change writes the whole of it, and etcd takes no
//! object of more than 1.5 MB (its `--max-request-bytes`), which is about 16,000 subjects. So an
//! account is on the list of its shard alone, from its beginning to its end.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use super::access::Power;

/// How many accounts a list has at most: about 60 KB.
pub(crate) const ACCOUNTS_MAX: usize = 500;

/// The number of a list among those of its kind: 1, 2, 3 …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shard(NonZeroU32);

impl Shard {
    /// The first, whose list has no number in its name.
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);

    /// A shard by its number; nothing for 0.
    pub(crate) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Its number.
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The name of its list, of the name that the first one's has.
    pub(crate) fn of(self, name: &str) -> String {
        format!("{name}{self}")
    }

    /// The same backwards: what the first one's is called, and which shard a list is of.
    pub(crate) fn split(name: &str) -> (&str, Self) {
        let numbered = name.rsplit_once('-').and_then(|(first, number)| {
            let shard = Self::new(number.parse().ok()?).filter(|it| *it != Self::FIRST)?;
            // No list has another spelling of its number.
            (shard.of(first) == name).then_some((first, shard))
        });
        numbered.unwrap_or((name, Self::FIRST))
    }
}

/// What follows the name of the first list of its kind: nothing, or `-2`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FIRST => Ok(()),
            Self(number) => write!(f, "-{number}"),
        }
    }
}

/// How many accounts each shard of a cluster has, by what they carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places(BTreeMap<Shard, BTreeMap<Power, usize>>);

impl Places {
    /// Counts accounts.
    pub(crate) fn add(&mut self, shard: Shard, power: Power, accounts: usize) {
        *self.0.entry(shard).or_default().entry(power).or_default() += accounts;
    }

    fn count(&self, shard: Shard) -> usize {
        self.0.get(&shard).map_or(0, |of| of.values().sum())
    }

    /// Whether a list of this shard may have too many accounts.
    pub(crate) fn is_crowded(&self, shard: Shard) -> bool {
        self.count(shard) > ACCOUNTS_MAX
    }

    /// Finds a place for one more account, and counts it there: with others that carry the same where
    /// that is possible, so that few lists are written in each namespace.
    pub(crate) fn take(&mut self, power: Power) -> Shard {
        let has_room = |shard: &Shard| self.count(*shard) < ACCOUNTS_MAX;
        let with_others = self.0.iter().filter(|(_, of)| of.contains_key(&power));
        let with_others = with_others.map(|(shard, _)| *shard).find(has_room);
        let shard = with_others.unwrap_or_else(|| {
            let mut shard = Shard::FIRST;
            while !has_room(&shard) {
                shard = shard.next();
            }
            shard
        });
        self.add(shard, power, 1);
        shard
    }

    /// Takes one account out of a shard.
    pub(crate) fn leave(&mut self, shard: Shard, power: Power) {
        if let Some(count) = self.0.get_mut(&shard).and_then(|of| of.get_mut(&power)) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: u32) -> Shard {
        Shard::new(number).expect("not 0")
    }

    #[test]
    fn a_list_says_which_shard_it_is_of() {
        for (name, number) in [("view", 1), ("view-2", 2), ("view-17", 17)] {
            assert_eq!(shard(number).of("view"), name);
            assert_eq!(Shard::split(name), ("view", shard(number)));
        }
        // Not what no shard is called.
        for other in ["view-1", "view-0", "view-02", "view-", "view-x", "view-+2"] {
            assert_eq!(Shard::split(other), (other, Shard::FIRST));
        }
        assert_eq!(
            Shard::split("cluster-admin"),
            ("cluster-admin", Shard::FIRST)
        );
        assert_eq!(Shard::split("cluster-admin-2"), ("cluster-admin", shard(2)));
    }

    #[test]
    fn no_shard_has_more_than_its_share_and_few_have_writers() {
        let mut places = Places::default();
        for at in 0..1_200 {
            let expected = shard(u32::try_from(at / ACCOUNTS_MAX).expect("small") + 1);
            assert_eq!(places.take(Power::Read), expected);
        }
        assert_eq!(places.take(Power::Write), shard(3));
        // One reader leaves: the next writer is with the other one all the same.
        places.leave(Shard::FIRST, Power::Read);
        assert_eq!(places.take(Power::Write), shard(3));
        assert_eq!(places.take(Power::Read), Shard::FIRST);
        assert!(!places.is_crowded(Shard::FIRST));
        places.add(Shard::FIRST, Power::Read, 1);
        assert!(places.is_crowded(Shard::FIRST));
    }
}
