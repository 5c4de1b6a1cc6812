//! Which known name was probably meant by one that is unknown.

/// The longest name that is compared, in characters: beyond, a distance costs much and tells little.
const CHARACTERS_MAX: usize = 64;

/// The most names that are compared: a file of somebody else's may hold a million.
const NAMES_MAX: usize = 10_000;

/// Finds the known names that are spelt like `name`, nearest first, at most three.
///
/// Case does not count, two neighbors that changed places count as one change, and a third of the
/// longer name's letters may differ.
pub(crate) fn similar<N: AsRef<str>>(name: &str, known: impl IntoIterator<Item = N>) -> Vec<N> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    if length > CHARACTERS_MAX {
        return Vec::new();
    }
    let mut found: Vec<(usize, N)> = known
        .into_iter()
        .take(NAMES_MAX)
        .filter_map(|word| {
            let longer = word.as_ref().chars().count().max(length);
            if longer > CHARACTERS_MAX {
                return None;
            }
            let far = strsim::osa_distance(&name, &word.as_ref().to_lowercase());
            (far <= longer.div_ceil(3)).then_some((far, word))
        })
        .collect();
    found.sort_by(|(far, word), (other_far, other)| {
        (far, word.as_ref()).cmp(&(other_far, other.as_ref()))
    });
    found.truncate(3);
    found.into_iter().map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first_and_strangers_not_at_all() {
        let known = ["staging", "prod", "prod-eu", "prod-us"];
        assert_eq!(similar("prdo", known), ["prod"]);
        assert_eq!(similar("stagin", known), ["staging"]);
        assert_eq!(similar("prod-ue", known), ["prod-eu", "prod-us", "prod"]);
        assert_eq!(similar("zzz", known), [""; 0]);
        assert_eq!(similar("", known), [""; 0]);
        assert_eq!(
            similar("dev", ["d", "de", "dv", "dec", "def"]),
            ["de", "dec", "def"]
        );
    }

    #[test]
    fn neighbors_that_changed_places_are_one_change() {
        // As two changes they would be too many for a name of three letters.
        assert_eq!(similar("edv", ["dev"]), ["dev"]);
        assert_eq!(similar("vde", ["dev"]), [""; 0]);
    }

    #[test]
    fn case_does_not_count_and_the_name_is_given_as_it_is_known() {
        assert_eq!(similar("PROD", ["Prod", "test"]), ["Prod"]);
        assert_eq!(similar("über", ["ÜBER"]), ["ÜBER"]);
    }

    #[test]
    fn what_would_cost_much_is_not_compared() {
        let long = "a".repeat(CHARACTERS_MAX + 1);
        assert_eq!(similar(&long, [long.as_str()]), [""; 0]);
        assert_eq!(similar("a", [long.as_str()]), [""; 0]);
        let many = std::iter::repeat_n("zzz", NAMES_MAX).chain(["prod"]);
        assert_eq!(similar("prod", many), [""; 0]);
    }
}
