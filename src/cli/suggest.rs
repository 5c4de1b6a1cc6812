//! "Did you mean": the known names that look most like a mistyped one.

/// How many names are offered at most.
const NAMES_MAX: usize = 3;

/// Finds the names closest to `typed`, the closest first. A name may be off by one in three
/// characters; one that `typed` begins also counts.
pub fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    let edits_max = (length / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let edits = edits(&typed, &lower);
            let begins = length >= 2 && lower.starts_with(&typed);
            (edits <= edits_max || begins).then_some((edits, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(NAMES_MAX)
        .map(|(_, name)| name)
        .collect()
}

/// Says the closest names as a hint, where there are any: `did you mean 'prod' or 'prod-eu'?`
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let quoted: Vec<_> = closest(typed, known)
        .iter()
        .map(|name| format!("'{name}'"))
        .collect();
    let (last, others) = quoted.split_last()?;
    Some(if others.is_empty() {
        format!("did you mean {last}?")
    } else {
        format!("did you mean {} or {last}?", others.join(", "))
    })
}

/// Counts the insertions, deletions, replacements and swaps of neighbours between two words.
fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, &a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in other.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a == other[j - 1] && one[i - 1] == b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 6] = [
        "prod",
        "prod-eu",
        "prod-us",
        "staging",
        "test",
        "alice@example.com",
    ];

    #[test]
    fn edits_are_counted() {
        for (one, other, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("prod", "prdo", 1),
            ("kitten", "sitting", 3),
            ("é", "e", 1),
        ] {
            assert_eq!(edits(one, other), count, "{one} {other}");
            assert_eq!(edits(other, one), count, "{other} {one}");
        }
    }

    #[test]
    fn the_closest_comes_first() {
        assert_eq!(closest("prdo", KNOWN), ["prod"]);
        assert_eq!(closest("PROD-EI", KNOWN), ["prod-eu", "prod-us"]);
        assert_eq!(closest("alice", KNOWN), ["alice@example.com"]);
        assert_eq!(closest("stagin", KNOWN), ["staging"]);
    }

    #[test]
    fn nothing_is_offered_for_something_else() {
        assert_eq!(closest("warehouse", KNOWN), Vec::<&str>::new());
        assert_eq!(did_you_mean("warehouse", KNOWN), None);
        assert_eq!(closest("", KNOWN), Vec::<&str>::new());
    }

    #[test]
    fn it_is_said_as_a_question() {
        assert_eq!(
            did_you_mean("prdo", KNOWN).as_deref(),
            Some("did you mean 'prod'?")
        );
        assert_eq!(
            did_you_mean("pro", KNOWN).as_deref(),
            Some("did you mean 'prod', 'prod-eu' or 'prod-us'?")
        );
    }
}
