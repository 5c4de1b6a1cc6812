//! How much of a list is kept, and for whom.

use super::{Asked, Found, Kept, NAMESPACE_BYTES, OWN_BYTES, Outline, TOTAL_BYTES, garbled};
use crate::domain::account_name::Home;
use crate::kubernetes::error::Error;
use crate::kubernetes::pieces;

/// How much was kept already.
#[derive(Default)]
pub(super) struct Budget {
    namespace: String,
    in_namespace: usize,
    total: usize,
}

impl Budget {
    /// Takes what an item weighs; says whether that was still to be had.
    fn takes(&mut self, namespace: Option<&str>, item: &impl Kept) -> bool {
        let namespace = namespace.unwrap_or_default();
        if namespace != self.namespace {
            namespace.clone_into(&mut self.namespace);
            self.in_namespace = 0;
        }
        let weight = item.weight();
        let is_own = Home::of(namespace).is_some();
        let most = if is_own { OWN_BYTES } else { NAMESPACE_BYTES };
        let is_ours = item.is_ours() || is_own;
        let within = namespace.is_empty() || self.in_namespace + weight <= most;
        let total = namespace.is_empty() || is_ours || self.total + weight <= TOTAL_BYTES;
        if within && total {
            self.in_namespace += weight;
            if !is_ours {
                self.total += weight;
            }
        }
        within && total
    }
}

/// Reads one object, unless it is too large, and keeps of it what there is room for.
pub(super) fn sift<K, T: Kept>(
    piece: &[u8],
    asked: &Asked<'_>,
    budget: &mut Budget,
    read: &impl Fn(&[u8]) -> Option<K>,
    keep: &impl Fn(Found<K>) -> Option<T>,
) -> Result<Option<T>, Error> {
    let garbled = || garbled(asked.what, "an object of another shape");
    let outline =
        || -> Result<Outline, Error> { serde_json::from_slice(piece).map_err(|_| garbled()) };
    if piece.len() <= asked.object_bytes {
        let object = read(piece).ok_or_else(garbled)?;
        let Some(item) = keep(Found::Object(object)) else {
            return Ok(None);
        };
        // Only the heavy need a look at whose they are.
        let namespace = pieces::namespace_of(piece);
        if budget.takes(namespace.as_deref(), &item) {
            return Ok(Some(item));
        }
    }
    Ok(keep(Found::TooLarge(Box::new(outline()?))))
}
