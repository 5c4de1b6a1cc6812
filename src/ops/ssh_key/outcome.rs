//! What is true on a node after a key was brought to it.

/// What is true on a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NodeOutcome {
    /// Whether the line was there before.
    pub(crate) present: bool,
    /// Whether a login with the key was seen to work.
    pub(crate) proven: bool,
    /// How many old lines were removed.
    pub(crate) removed: usize,
    /// How many old keys were seen to be refused.
    pub(crate) refused: usize,
    /// How many old keys could not be tried: nobody has their private half here.
    pub(crate) untried: usize,
    /// Whether an old key was seen to log in though its line is gone.
    pub(crate) still_accepts: bool,
    /// Whether an old key stays, because the new one could not be proven, or of itself.
    pub(crate) keeps_old: bool,
}

impl NodeOutcome {
    /// In words.
    pub(crate) fn description(self) -> String {
        let mut words = vec![if self.present {
            "was installed already"
        } else {
            "is installed"
        }];
        words.push(if self.proven {
            "proven by a login"
        } else {
            "not proven: its private half is not here"
        });
        if self.still_accepts {
            words.push("still accepts the old key, whose line is gone from ~/.ssh/authorized_keys");
        } else if self.keeps_old {
            words.push("the old key stays");
        } else if self.untried > 0 {
            // What its file says is all that is known.
            words.push(if self.removed > 0 {
                "the old key's line is removed from ~/.ssh/authorized_keys"
            } else {
                "the old key has no line in ~/.ssh/authorized_keys"
            });
        } else if self.refused > 0 {
            words.push(if self.removed > 0 {
                "the old key is removed, and a login with it is refused"
            } else {
                "a login with the old key is refused"
            });
        }
        words.join(", ")
    }
}
