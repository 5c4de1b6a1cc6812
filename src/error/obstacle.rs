//! What stands in a command's way: exit codes, and the way out of each.

use super::{Kind, did_you_mean};
use crate::ops::Obstacle;

/// The same of what is about a server, and what it hands out.
fn of_a_server(obstacle: &Obstacle) -> (Kind, String) {
    use Obstacle as O;
    match obstacle {
        O::NotAServer(_) => (
            Kind::Denied,
            "make it one of its own: `kubegrant user add desk --role server --key FILE`, and name its \
             private half with `--identity`"
                .to_owned(),
        ),
        O::OpensManager(_) => (
            Kind::Unsafe,
            "give the server a key of its own, that was never anybody else's".to_owned(),
        ),
        O::NoSelfService(cluster) => (
            Kind::State,
            format!("run `kubegrant cluster set {cluster} --self-service on` first"),
        ),
        O::ServerOver(_) => (Kind::Denied, "start it anew with a key that is known".to_owned()),
        O::NoServer => (Kind::State, "start it: `kubegrant serve --help`".to_owned()),
        O::NoShare(_) => (
            Kind::NotFound,
            "`kubegrant share list` shows those that there are".to_owned(),
        ),
        _ => (Kind::Internal, String::new()),
    }
}

/// The same of what is about the audit log, and what vouches for the store.
fn of_the_log(obstacle: &Obstacle) -> (Kind, &'static str) {
    use Obstacle as O;
    match obstacle {
        O::BrokenLog { .. } => (
            Kind::Unsafe,
            "compare with a backup: somebody wrote to the store without kubegrant",
        ),
        O::NoEvent { .. } => (
            Kind::NotFound,
            "`kubegrant audit list` shows those that there are",
        ),
        O::NotTold { .. } => (
            Kind::State,
            "ask for a later moment; `kubegrant audit list` shows the words",
        ),
        O::ForgedEvent(_) => (
            Kind::State,
            "a log that lies cannot be accepted: run `kubegrant restore FILE` with a backup",
        ),
        O::Misshapen(_) => (
            Kind::State,
            "tables and triggers of somebody else's cannot be accepted: undo that, or run \
             `kubegrant restore FILE` with a backup",
        ),
        O::ForgedActor(_) => (
            Kind::State,
            "let another owner do it, or run `kubegrant restore FILE` with a backup",
        ),
        _ => (Kind::Internal, ""),
    }
}

/// The exit code, and the way out.
pub(super) fn kind(obstacle: &Obstacle) -> (Kind, String) {
    use Obstacle as O;
    let (kind, hint) = match obstacle {
        O::NoSuffix(_) => (
            Kind::Usage,
            "say where with `-f FILE`; `-f -` is standard output",
        ),
        O::NotAToken => (
            Kind::Usage,
            "make one in the Hetzner console, under Security, API tokens",
        ),
        O::NoKubeconfigPlace => (Kind::Usage, "say where with `-f FILE`"),
        O::SealedNotMerged(_) => (Kind::Usage, "leave out `--merge`, or insist with `--plain`"),
        O::RenewsByManager(_) => (
            Kind::Denied,
            "leave out `--renew`, or ask an organization owner or admin to hand it over",
        ),
        O::MintedByManager { .. } => (
            Kind::Denied,
            "an organization owner or admin hands it over where the store is, with a key that opens the manager's \
             login",
        ),
        O::NoKubeconfig => (
            Kind::Usage,
            "name one with `--kubeconfig FILE`, or set KUBECONFIG",
        ),
        O::SealedKubeconfig(_) => (
            Kind::Usage,
            "`kubegrant open FILE` opens what was sealed to you",
        ),
        O::PluginNotKept | O::NotKept => (Kind::Usage, "leave out `--keep-credential`"),
        O::NoCredential => (
            Kind::Usage,
            "use a kubeconfig with a token or a client certificate",
        ),
        O::NoLogin(_) => (
            Kind::Usage,
            "kubeconfigs in YAML and JSON and tokens of accounts (eyJ…) were looked for, in text \
             and in base64; what is sealed is opened with `kubegrant open FILE`, what is compressed \
             with `gunzip -c FILE`",
        ),
        O::ShellHasMore { .. } => (Kind::State, "leave out `--level`, or ask for more access"),
        O::NoPlaceForShell => (
            Kind::State,
            "set XDG_RUNTIME_DIR or TMPDIR to a folder of yours",
        ),
        O::OrganizationMeanwhile => (
            Kind::State,
            "another `kubegrant init` was faster; this one left nothing. Run `kubegrant whoami`",
        ),
        O::AnotherOrganizations(_) => (
            Kind::State,
            "move it away, or name another place with `--store`",
        ),
        O::BrokenLog { .. }
        | O::NoEvent { .. }
        | O::NotTold { .. }
        | O::ForgedEvent(_)
        | O::Misshapen(_)
        | O::ForgedActor(_) => of_the_log(obstacle),
        O::InTheWay { .. } => (
            Kind::State,
            "remove it, or choose another name with `--file`",
        ),
        O::AnotherCluster { .. } => (Kind::State, "give an address of this cluster"),
        O::NeverIncluded(_) => (
            Kind::State,
            "bind a role there with `kubegrant rbac bind` if somebody must",
        ),
        O::NoneInReach => (Kind::NotFound, "run `kubegrant cluster list`"),
        O::Deleting(_)
        | O::NotInItsProject { .. }
        | O::OrganizationOfOthers { .. }
        | O::ManagerCannotRenew(_)
        | O::ManagerCannotBind { .. }
        | O::NoKeyToSealTo { .. }
        | O::Excluded { .. }
        | O::NotExcluded { .. } => return (Kind::State, with_names(obstacle)),
        O::NotAServer(_)
        | O::OpensManager(_)
        | O::NoSelfService(_)
        | O::NoServer
        | O::ServerOver(_)
        | O::NoShare(_) => return of_a_server(obstacle),
        O::NoProviderToken(_)
        | O::NotInProject { .. }
        | O::NoNamespace { .. }
        | O::NoRole { .. } => return (Kind::NotFound, with_names(obstacle)),
    };
    (kind, hint.to_owned())
}

/// A way out that names something; nothing for the others.
fn with_names(obstacle: &Obstacle) -> String {
    use Obstacle as O;
    match obstacle {
        O::Deleting(cluster) => format!("finish it with `kubegrant cluster delete {cluster}`"),
        O::NotInItsProject { user, .. } => {
            format!("run `kubegrant project add-member {user} --project PROJECT --role viewer`")
        }
        O::OrganizationOfOthers { identity } => format!(
            "there is no identity at `{}`: name yours with `--identity FILE`, or begin another \
             organization with another `--store`",
            identity.display()
        ),
        O::ManagerCannotRenew(cluster) => {
            format!("run `kubegrant cluster relink {cluster} --kubeconfig FILE`")
        }
        O::ManagerCannotBind { cluster, .. } => format!(
            "give it the rights with `kubegrant cluster relink {cluster} --kubeconfig FILE`"
        ),
        O::NoKeyToSealTo { user, plain } => {
            let plain = if *plain {
                ", or insist with `--plain`"
            } else {
                ""
            };
            format!("run `kubegrant user set-key {user} --key FILE`{plain}")
        }
        O::Excluded { namespace, cluster } => {
            format!("run `kubegrant cluster set {cluster} --release {namespace}` first")
        }
        O::NotExcluded { cluster, .. } => {
            format!("`kubegrant cluster check {cluster}` lists where it reaches")
        }
        O::NoProviderToken(cluster) => {
            format!("set one with `kubegrant cluster provider-token set {cluster}`")
        }
        O::NotInProject { project, .. } => format!("run `kubegrant project show {project}`"),
        O::NoNamespace { similar, .. } => did_you_mean(similar),
        O::NoRole {
            bound,
            cluster,
            similar,
        } => match did_you_mean(similar).as_str() {
            "" => {
                let place = bound.place.as_ref().map(|it| format!(" -n {it}"));
                let place = place.unwrap_or_default();
                format!("`kubegrant rbac roles {cluster}{place}` lists what can be bound")
            }
            near => near.to_owned(),
        },
        _ => String::new(),
    }
}
