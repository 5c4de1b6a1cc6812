//! The tables, indexes and triggers themselves: as this program made them.
//!
//! A trigger that somebody adds to the file would change rows in transactions of ours, and count
//! as ours; one that is missing lets a credential go backwards. So their text is in the guarded
//! state too, as a digest of its own.

use super::sum::{Sum, WIDE};
use crate::store::engine::{Connection, Shape};
use crate::store::{Result, schema};

/// What the digest of all of them is called.
pub(super) const NAME: &str = "schema";

/// The digest of what this program makes, which it takes some milliseconds to make. A test keeps it true.
const EXPECTED: &str = "cq/EbVc9ZkW2Bq6PrlaOXFDu+G5L+OgeAsy1SBpsPNjimXwIwKXZ3Bnp1Kf1JBkFXrWKQvgpm2LLcIAl\
     2/j9v6Y471KLmuC/bbbzmKyCqu9SXTtRYF/2TfdsgY77X956ZevJNYn74n7kDQQ3XPP5f2g36NhpMocK\
     uFiOGmDWTva1bfJ71+zlIkpHpTg7sWOcUpKE66yN3vucwXcNBaMAsB6B8/2Ny9ulSdkfQUBPKu/VU/EJ\
     cUvN/6agRcVTK2HqnkYbk1hY6xHB2nQtXIMNIuSKG6BLYGMDAKbwRTG1LA0/m6TCDGcYi+lErFsOTQlq\
     VxQR9hq2dlIved+32BNGTw";

/// The text of each, without what `ALTER TABLE` may write in other ways: quotes and blanks.
fn shape(sql: &Connection) -> Result<Shape> {
    // What SQLite keeps for itself has no text, or is statistics, which decide nothing.
    let query = "SELECT type, name, sql FROM main.sqlite_schema
         WHERE sql IS NOT NULL AND name NOT IN ('sqlite_stat1', 'sqlite_stat4')";
    let found = sql.all(query, [], |row| {
        let text: String = row.get(2)?;
        let plain = text.chars().filter(|c| *c != '"' && !c.is_whitespace());
        Ok(((row.get(0)?, row.get(1)?), plain.collect()))
    })?;
    Ok(found.into_iter().collect())
}

fn digest<const W: usize>(shape: &Shape) -> Sum<W> {
    let mut sum = Sum::default();
    for ((kind, name), text) in shape {
        sum.add(Sum::of(kind, name, text.as_bytes()));
    }
    sum
}

/// The digest of what is there.
pub(super) fn found<const W: usize>(sql: &Connection) -> Result<Sum<W>> {
    match sql.shared() {
        None => Ok(digest(&shape(sql)?)),
        // The same tables have the same digest, whichever database they are in.
        Some(shared) if shared.is_in_shape()? => expected(),
        Some(shared) => Ok(digest(&shared.shapes()?.0)),
    }
}

/// The digest of what this program makes.
pub(super) fn expected<const W: usize>() -> Result<Sum<W>> {
    match Sum::read(EXPECTED) {
        Some(known) => Ok(known),
        None => made(),
    }
}

/// The same, of what is made now.
fn made<const W: usize>() -> Result<Sum<W>> {
    Ok(digest(&shape(&schema::fresh()?)?))
}

/// Lists, in words, what differs from what this program makes.
pub(super) fn changed(sql: &Connection) -> Result<Vec<String>> {
    let (found, expected) = match sql.shared() {
        None => {
            let found = shape(sql)?;
            if digest::<WIDE>(&found) == expected()? {
                return Ok(Vec::new());
            }
            (found, shape(&schema::fresh()?)?)
        }
        Some(shared) => shared.shapes()?,
    };
    let mut words = Vec::new();
    for (key, text) in &found {
        if expected.get(key) != Some(text) {
            words.push(format!("the {} '{}'", key.0, key.1));
        }
    }
    for key in expected.keys().filter(|key| !found.contains_key(*key)) {
        words.push(format!("the {} '{}'", key.0, key.1));
    }
    Ok(words)
}

/// Looks whether every index says what its table says; if not, the first thing that is wrong. What
/// is found by an index would else be what somebody wants to be found.
pub(super) fn untrue(sql: &Connection) -> Result<Option<String>> {
    let Ok(file) = sql.file() else {
        return Ok(None);
    };
    let fault = file.fault()?;
    Ok(fault.map(|fault| format!("the file itself ({fault})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_the_tables_is_what_is_made() {
        let made = made::<WIDE>().expect("tables");
        assert_eq!(EXPECTED, made.to_text());
    }
}
