//! Reading in one look what is decided together.

use super::Store;

/// What a read sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// What stands there when it begins.
    Own,
    /// The same; those that follow see it too.
    First,
    /// What the one before it saw.
    Same,
}

impl Store {
    /// Has all that `work` reads seen in one look, which its first read begins; it ends with `work`, with a write,
    /// and with a read that fails.
    pub(crate) fn one_look<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Ends<'a>(&'a Store);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.look_again();
                self.0.look.set(Look::Own);
            }
        }
        if self.look.get() != Look::Own {
            return work();
        }
        self.look.set(Look::First);
        let _ends = Ends(self);
        work()
    }

    /// Has the next read see what stands there then.
    pub(crate) fn look_again(&self) {
        if self.look.get() == Look::Same {
            self.look.set(Look::First);
            self.connection.end();
        }
    }
}
