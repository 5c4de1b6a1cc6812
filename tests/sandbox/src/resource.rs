//! The resources the server serves: one table for routing, storage and discovery.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One line of the table: a resource or a subresource.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Position in the table; the storage key of the resource.
    pub(crate) index: usize,
    /// API group, empty for the core.
    pub(crate) group: &'static str,
    /// API version, `v1` for instance.
    pub(crate) version: &'static str,
    /// Plural name, without the subresource.
    pub(crate) plural: &'static str,
    /// Name of the subresource; empty for the resource itself.
    pub(crate) subresource: &'static str,
    /// Singular name; empty for subresources.
    pub(crate) singular: &'static str,
    /// Kind of the objects.
    pub(crate) kind: &'static str,
    /// Group and version of the kind where they differ from the resource's.
    pub(crate) kind_version: Option<(&'static str, &'static str)>,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
    /// The verbs it takes.
    pub(crate) verbs: Vec<&'static str>,
    /// Short names for kubectl.
    pub(crate) short_names: Vec<&'static str>,
    /// Categories for kubectl, `all` for instance.
    pub(crate) categories: Vec<&'static str>,
    /// What discovery shows as the storage version hash, where it is known.
    pub(crate) storage_hash: Option<&'static str>,
}

/// Kinds that a delete returns whole, where the others return a `Status`.
const RETURNED_WHEN_DELETED: [&str; 11] = [
    "namespaces",
    "persistentvolumes",
    "persistentvolumeclaims",
    "pods",
    "podtemplates",
    "resourcequotas",
    "services",
    "serviceaccounts",
    "csidrivers",
    "csinodes",
    "storageclasses",
];

/// Core resources that have a status subresource are in the table; these take theirs from it too.
static TABLE: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    include_str!("resource/table.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .enumerate()
        .map(|(index, line)| parse(index, line))
        .collect()
});

/// Every line of the table, in the order of discovery.
pub(crate) fn all() -> &'static [Resource] {
    &TABLE
}

/// The resource or subresource at a path.
pub(crate) fn find(
    group: &str,
    version: &str,
    plural: &str,
    subresource: &str,
) -> Option<&'static Resource> {
    TABLE.iter().find(|resource| {
        resource.plural == plural
            && resource.subresource == subresource
            && resource.group == group
            && resource.version == version
    })
}

/// The stored resource of a kind.
pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Resource> {
    TABLE.iter().find(|resource| {
        resource.is_stored() && resource.kind == kind && resource.api_version() == api_version
    })
}

/// The stored resource with this plural name; panics for a name that is not in the table.
pub(crate) fn named(plural: &str) -> &'static Resource {
    static STORED: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let stored = TABLE.iter().filter(|resource| resource.is_stored());
        stored
            .map(|resource| (resource.plural, resource.index))
            .collect()
    });
    let index = STORED
        .get(plural)
        .expect("only names that are in the table are asked for");
    &TABLE[*index]
}

impl Resource {
    /// `apps/v1`, or `v1` for the core.
    pub(crate) fn api_version(&self) -> String {
        join(self.group, self.version)
    }

    /// `plural.group`, as messages name it.
    pub(crate) fn qualified(&self) -> String {
        crate::status::qualify(self.group, self.plural)
    }

    /// Whether objects of it are kept, as opposed to reviews, which are only answered.
    pub(crate) fn is_stored(&self) -> bool {
        self.subresource.is_empty() && self.verbs.contains(&"get")
    }

    /// Whether the status is written by its own endpoint only.
    pub(crate) fn has_status(&self) -> bool {
        find(self.group, self.version, self.plural, "status").is_some()
    }

    /// Whether a delete answers with the object instead of a `Status`.
    pub(crate) fn returned_when_deleted(&self) -> bool {
        RETURNED_WHEN_DELETED.contains(&self.plural)
    }

    /// The stored resource this line is a subresource of, or itself.
    pub(crate) fn parent(&self) -> &'static Resource {
        find(self.group, self.version, self.plural, "")
            .expect("the table has the resource of every subresource")
    }
}

/// Joins group and version into an `apiVersion`.
pub(crate) fn join(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

fn parse(index: usize, line: &'static str) -> Resource {
    let mut columns = line.split(' ');
    let mut next = || {
        columns
            .next()
            .expect("every line of the table has nine columns")
    };
    let (group, version) = split(next());
    let (plural, subresource) = {
        let name = next();
        name.split_once('/').unwrap_or((name, ""))
    };
    let singular = present(next()).unwrap_or_default();
    let (kind, kind_version) = {
        let kind = next();
        kind.split_once('@')
            .map_or((kind, None), |(kind, version)| (kind, Some(split(version))))
    };
    let namespaced = next() == "namespaced";
    let verbs = match next() {
        "*" => "create,delete,deletecollection,get,list,patch,update,watch",
        some => some,
    };
    Resource {
        index,
        group,
        version,
        plural,
        subresource,
        singular,
        kind,
        kind_version,
        namespaced,
        verbs: verbs.split(',').collect(),
        short_names: present(next())
            .map(|names| names.split(',').collect())
            .unwrap_or_default(),
        categories: present(next())
            .map(|names| names.split(',').collect())
            .unwrap_or_default(),
        storage_hash: present(next()),
    }
}

fn split(api_version: &'static str) -> (&'static str, &'static str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn present(column: &'static str) -> Option<&'static str> {
    (column != "-").then_some(column)
}
