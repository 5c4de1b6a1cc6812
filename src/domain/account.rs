//! Who else has an account on this machine, as far as its files say, and what of theirs is in
//! whose folder.

use std::path::Path;

/// Whether a group is of nobody but one account and root: nobody else has it for their own, and
/// nobody else is a member of it. A group that no file knows, as in a container, is of nobody else.
///
/// `passwd` and `groups` are the texts of `/etc/passwd` and `/etc/group`.
pub(crate) fn is_group_of_one(gid: u32, uid: u32, passwd: &str, groups: &str) -> bool {
    let number = |field: Option<&str>| field.and_then(|text| text.parse::<u32>().ok());
    let accounts: Vec<(&str, Option<u32>, Option<u32>)> = passwd
        .lines()
        .map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().unwrap_or_default();
            (name, number(fields.nth(1)), number(fields.next()))
        })
        .collect();
    let is_fine = |number: Option<u32>| number == Some(0) || number == Some(uid);
    let has_others = accounts
        .iter()
        .any(|(_, of, group)| *group == Some(gid) && !is_fine(*of));
    let members = groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (_, id, members) = (fields.next(), number(fields.nth(1)), fields.next());
        (id == Some(gid)).then_some(members?)
    });
    let mut members = members.flat_map(|list| list.split(',').map(str::trim));
    let is_foreign = |name: &str| {
        let mut found = accounts.iter().filter(|(of, ..)| *of == name);
        !found.any(|(_, of, _)| is_fine(*of))
    };
    !has_others && !members.any(|name| !name.is_empty() && is_foreign(name))
}

/// What root has in a folder of a user's on the way to a path, as after a `sudo`: the uppermost of
/// it, which can be given back with all that is in it. Nothing where it is in no folder of theirs:
/// what is root's by right stays root's.
///
/// `owner` looks up whose something is.
pub(crate) fn roots_in_folder_of(
    me: u32,
    path: &Path,
    owner: impl Fn(&Path) -> Option<u32>,
) -> Option<&Path> {
    let foreign: Vec<&Path> = path
        .ancestors()
        .take_while(|above| owner(above) != Some(me))
        .collect();
    let are_roots = foreign
        .iter()
        .all(|above| owner(above).is_none_or(|uid| uid == 0));
    // What is behind a closed door, or not there, cannot be looked at.
    let upper = foreign
        .into_iter()
        .rev()
        .find(|above| owner(above) == Some(0))?;
    let is_mine = upper.parent().and_then(&owner) == Some(me);
    (are_roots && is_mine).then_some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n\
                          ben:x:1001:1001::/home/ben:/bin/sh\nbad line\n";
    const GROUP: &str = "root:x:0:\nana:x:1000:\nben:x:1001:ana\nmine:x:2000:ana,root\n\
                         ours:x:2001:ana,ben\ngone:x:2002:eve\n";

    #[test]
    fn a_group_is_of_one_where_no_file_knows_anybody_else_in_it() {
        for (gid, alone) in [
            (1000, true),
            (1001, false),
            (2000, true),
            (2001, false),
            (2002, false),
            (3000, true),
            (0, true),
        ] {
            assert_eq!(is_group_of_one(gid, 1000, PASSWD, GROUP), alone, "{gid}");
        }
        // In a container nobody is known.
        assert!(is_group_of_one(1_000_700_000, 1_000_700_000, "", ""));
        assert!(is_group_of_one(65532, 65532, "root:x:0:0:::\n", ""));
    }

    #[test]
    fn only_what_root_has_in_a_folder_of_ones_own_is_given_back() {
        let owner = |path: &Path| match path.to_str()? {
            "/" | "/home" | "/home/ana/.kube" | "/home/ana/.kube/config" | "/etc" => Some(0),
            "/home/ana" | "/home/ana/.config" => Some(1000),
            "/home/ana/ben" => Some(1001),
            "/home/ana/.config/identity" | "/home/ana/ben/roots" => Some(0),
            _ => None,
        };
        for (path, found) in [
            ("/home/ana/.kube/config", Some("/home/ana/.kube")),
            ("/home/ana/.kube/not/there", Some("/home/ana/.kube")),
            (
                "/home/ana/.config/identity",
                Some("/home/ana/.config/identity"),
            ),
            ("/home/ana/.config/none", None),
            ("/home/ana/ben/roots", None),
            ("/home/ana", None),
            ("/etc/kubegrant", None),
            ("/", None),
        ] {
            let roots = roots_in_folder_of(1000, Path::new(path), owner);
            assert_eq!(roots, found.map(Path::new), "{path}");
        }
    }
}
