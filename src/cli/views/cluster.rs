//! Clusters. Frozen: fields are added, never renamed or retyped.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::TimeDelta;

mod settings;

use super::left_out::LeftOutView;
use crate::cli::duration;
use crate::domain::access::{Power, strongest};
use crate::domain::cluster::SCAN_EVERY_DEFAULT;
use crate::ops::cluster::{Checked, ClusterLine, Reach, Registered, Shown};
use crate::output::{Cell, NONE, Table, Time, View};
pub(crate) use settings::SettingsView;

fn labels_text(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

frozen! {
    /// One cluster of a list.
    pub(crate) struct LineView from line: &ClusterLine {
        let cluster = &line.cluster;
        let public = cluster.public.as_ref();
        let (access, through) = strongest(line.access, line.role);
        name: String = cluster.name.to_string(),
        state: &'static str = cluster.state.as_str(),
        protected: bool = cluster.protected,
        owner: Option<String> = line.owner.clone(),
        access: Option<&'static str> = access.map(Power::as_str),
        through: &'static str = through,
        access_revoked: bool = line.revoked,
        project: Option<String> = line.project.clone(),
        server: String = cluster.address.server.clone(),
        public_server: Option<String> = public.map(|it| it.server.clone()),
        public_tls_server_name: Option<String> = public.and_then(|it| it.tls_server_name.clone()),
        version: String = cluster.version.clone(),
        description: String = cluster.description.clone(),
        labels: BTreeMap<String, String> = cluster.labels.clone(),
        credentials: Option<usize> = line.credentials,
        pending: Option<usize> = line.pending,
        created_at: Time = Time(cluster.created_at),
        reached_at: Option<Time> = cluster.reached_at.map(Time),
    }
}

impl LineView {
    fn your_access(&self) -> String {
        let revoked = if self.access_revoked {
            ", Access Revoked"
        } else {
            ""
        };
        let access = self.access.unwrap_or("none");
        format!("{access} ({}){revoked}", self.through)
    }

    fn server(&self) -> Cow<'_, str> {
        match &self.public_server {
            None => Cow::Borrowed(&self.server),
            Some(public) => Cow::Owned(format!("{} (files carry {public})", self.server)),
        }
    }
}

/// How long a look at what write rests upon is relied on, where somebody set it.
fn scan_every(seconds: i64) -> Option<String> {
    let every = TimeDelta::seconds(seconds);
    (every != SCAN_EVERY_DEFAULT).then(|| duration::show(every))
}

/// What is only told to those who may know it.
fn count(number: Option<usize>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

impl View for Vec<LineView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("NAME", |it| &it.name)
            .col("STATE", |it| it.state)
            .wide("PROTECTED", |it| it.protected)
            .col("OWNER", |it| &it.owner)
            .wide("PROJECT", |it| &it.project)
            .col("YOUR ACCESS", |it| {
                let revoked = if it.access_revoked { " (revoked)" } else { "" };
                format!("{}{revoked}", it.access.unwrap_or("none"))
            })
            .col("PENDING", |it| count(it.pending))
            .wide("CREDENTIALS", |it| count(it.credentials))
            .wide("SERVER", |it| &it.server)
            .wide("VERSION", |it| &it.version)
            .wide("LABELS", |it| Some(labels_text(&it.labels)))
            .col("AGE", |it| it.created_at)
            .named(|it| format!("cluster/{}", it.name))
            .empty("You can see no cluster.")
    }
}

frozen! {
    /// Where write reaches.
    #[derive(Default)]
    pub(crate) struct ReachView from reach: &Reach {
        reaches: Vec<String> = reach.reaches.iter().cloned().collect(),
        excluded: BTreeMap<String, String> = reach.excluded.clone(),
        included: BTreeMap<String, String> = reach.included.clone(),
        left_out: Vec<LeftOutView> = reach.left_out.iter().map(LeftOutView::from).collect(),
    }
}

/// A line for each namespace.
fn lines(namespaces: &BTreeMap<String, String>) -> Vec<String> {
    let lines = namespaces.iter();
    lines.map(|(name, why)| format!("{name}: {why}")).collect()
}

frozen! {
    /// One cluster.
    pub(crate) struct ClusterView from shown: &Shown {
        let cluster = &shown.line.cluster;
        let reach = shown.reach.as_ref().and_then(|reach| reach.as_ref().ok());
        #[serde(flatten)]
        line: LineView = LineView::from(&shown.line),
        kube_system_uid: String = cluster.kube_system_uid.clone(),
        manager: String = cluster.manager.clone(),
        manager_login: &'static str = cluster.manager_kind.as_str(),
        manager_expires_at: Option<Time> = cluster.manager_expires_at.map(Time),
        issuer: Option<String> = cluster.issuer.as_ref().map(|it| it.account.clone()),
        issuer_login: Option<&'static str> = cluster.issuer.as_ref().map(|it| it.kind.as_str()),
        issuer_expires_at: Option<Time> =
            cluster.issuer.as_ref().and_then(|it| it.expires_at).map(Time),
        write_scope: &'static str = cluster.write_scope.as_str(),
        excluded_by_operator: Vec<String> = cluster.excluded.iter().cloned().collect(),
        write: Option<ReachView> = reach.map(ReachView::from),
        scan_every_seconds: i64 = cluster.scan_every.num_seconds(),
        self_service: &'static str = cluster.self_service.as_str(),
        looked_at: Option<Time> = cluster.looked_at.map(Time),
    }
}

impl ClusterView {
    fn write(&self) -> String {
        match (&self.write, self.write_scope) {
            (_, "cluster") => "cluster-wide edit (can escalate to cluster-admin)".to_owned(),
            (Some(reach), _) if reach.reaches.is_empty() => format!("edit in {NONE}"),
            (Some(reach), _) => format!("edit in {}", reach.reaches.join(",")),
            (None, _) => "edit where it is not excluded".to_owned(),
        }
    }

    fn excluded(&self) -> Vec<String> {
        if let Some(reach) = &self.write {
            return lines(&reach.excluded);
        }
        // The cluster was not asked, or did not answer: no list is not an empty list.
        let by_operator = self.excluded_by_operator.iter();
        by_operator
            .map(|ns| format!("{ns}: excluded by the operator"))
            .chain(["others: not known".to_owned()])
            .collect()
    }

    fn manager(&self) -> Cell<'_> {
        let login = format!("{} (login: {}", self.manager, self.manager_login);
        match self.manager_expires_at {
            Some(end) => [login.into(), ", ends ".into(), end.into(), ")".into()].into(),
            None => (login + ")").into(),
        }
    }

    fn issuer(&self) -> Option<Cell<'_>> {
        let login = self.issuer_login?;
        let login = format!("{} (login: {login}", self.issuer.as_deref()?);
        Some(match self.issuer_expires_at {
            Some(end) => [login.into(), ", ends ".into(), end.into(), ")".into()].into(),
            None => (login + ")").into(),
        })
    }
}

impl View for ClusterView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Name", |it| &it.line.name)
            .col("State", |it| it.line.state)
            .col("Protected", |it| it.line.protected)
            .col("Owner", |it| &it.line.owner)
            .col("Project", |it| &it.line.project)
            .col("Your access", |it| it.line.your_access())
            .col("Description", |it| Some(&it.line.description))
            .col("Labels", |it| Some(labels_text(&it.line.labels)))
            .col("Server", |it| it.line.server())
            .col("Version", |it| &it.line.version)
            .col("Identity", |it| &it.kube_system_uid)
            .col("Manager", ClusterView::manager)
            .some("Issuer", ClusterView::issuer)
            .col("Credentials", |it| count(it.line.credentials))
            .col("Pending", |it| count(it.line.pending))
            .col("Write", ClusterView::write)
            .col("Excluded", |it| Cell::Lines(it.excluded()))
            .some("Scan every", |it| scan_every(it.scan_every_seconds))
            .some("Self-service", |it| {
                (it.self_service != "off").then_some(it.self_service)
            })
            // Where nobody writes, nothing is looked at for it.
            .some("Looked at", |it| it.looked_at)
            .col("Registered", |it| it.line.created_at)
            .col("Reached", |it| it.line.reached_at)
            .named(|it| format!("cluster/{}", it.line.name))
    }
}

frozen! {
    /// A cluster as it was registered.
    pub(crate) struct RegisteredView from done: &Registered {
        let cluster = &done.cluster;
        name: String = cluster.name.to_string(),
        server: String = cluster.address.server.clone(),
        version: String = cluster.version.clone(),
        kube_system_uid: String = cluster.kube_system_uid.clone(),
        owner: Option<String> = done.owner.clone(),
        context: String = done.context.clone(),
        manager: String = cluster.manager.clone(),
        manager_login: &'static str = cluster.manager_kind.as_str(),
        manager_expires_at: Option<Time> = cluster.manager_expires_at.map(Time),
    }
}

impl View for RegisteredView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Name", |it| &it.name)
            .col("Server", |it| &it.server)
            .col("Version", |it| &it.version)
            .col("Identity", |it| &it.kube_system_uid)
            .col("Owner", |it| &it.owner)
            .col("Context", |it| &it.context)
            .col("Manager", |it| {
                format!("{} (login: {})", it.manager, it.manager_login)
            })
            .col("Login ends", |it| it.manager_expires_at)
            .named(|it| format!("cluster/{}", it.name))
    }
}

frozen! {
    /// What a check found.
    pub(crate) struct CheckView from checked: Checked {
        cluster: String = checked.cluster.to_string(),
        server: String = checked.server,
        // Anything else ended with an error before this view was made.
        reachable: bool = true,
        version: String = checked.version,
        pins_match: bool = true,
        as_issuer: bool = checked.as_issuer,
        missing_rights: Vec<String> = checked.missing_rights,
        issuer_may: Vec<String> = checked.issuer_may,
        missing: Vec<String> = checked.missing,
        changed: Vec<String> = checked.changed,
        widened: Vec<String> = checked.widened,
        foreign: Vec<String> = checked.foreign,
        harmless: Vec<String> = checked.harmless,
        other_installations: Vec<String> = checked.other_installations,
        cluster_admins: Vec<String> = checked.cluster_admins,
        ways_in: Vec<String> = checked.ways_in,
        more_than_levels: Vec<String> = checked.excess,
        immortal_tokens: Vec<String> = checked.immortal_tokens,
        immortal_tokens_everywhere: bool = !checked.immortal_is_partial,
        bound: Vec<String> = checked.bound,
        pending: usize = checked.pending,
        write_everywhere: bool = checked.write_everywhere,
        write: ReachView = ReachView::from(&checked.reach),
    }
}

/// What was looked at, what came of it, and more about that.
struct Finding {
    check: &'static str,
    result: &'static str,
    what: String,
}

impl CheckView {
    fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut look = |check, result, good: Option<&str>, items: &[String]| {
            let finding = |result, what: &str| Finding {
                check,
                result,
                what: what.to_owned(),
            };
            let good = good.filter(|_| items.is_empty());
            found.extend(good.map(|good| finding("ok", good)));
            found.extend(items.iter().map(|item| finding(result, item)));
        };
        look("reachable", "", Some(&self.server), &[]);
        let good = "the CA and the identity are those that were registered";
        look("pins", "", Some(good), &[]);
        look("version", "", Some(&self.version), &[]);
        let good = if self.as_issuer {
            "the issuer may do its work; it sees neither the manager's accounts nor Secrets"
        } else {
            "the manager may do its work"
        };
        look("rights", "missing", Some(good), &self.missing_rights);
        let good = "the issuer may hand out no more than write";
        look("issuer", "danger", Some(good), &self.issuer_may);
        look(
            "objects",
            "missing",
            Some("all of ours are there"),
            &self.missing,
        );
        let changed = [&*self.changed, &*self.widened].concat();
        look(
            "objects",
            "changed",
            Some("none of ours was changed"),
            &changed,
        );
        let good = if self.harmless.is_empty() {
            "nothing foreign in our namespace".to_owned()
        } else {
            // What platforms put into every namespace is no alarm for ever.
            let harmless = self.harmless.join("; ");
            format!("of others in our namespace, and no way to our accounts: {harmless}")
        };
        look("objects", "foreign", Some(&good), &self.foreign);
        look("objects", "not ours", None, &self.other_installations);
        let good = "nobody else is bound to cluster-admin, or to a role as strong";
        look("admins", "foreign", Some(good), &self.cluster_admins);
        let good = "no role gives others a way to our accounts, or past them";
        look("ways in", "danger", Some(good), &self.ways_in);
        let good = "no account may do more than its level, as far as the API server was asked";
        look("levels", "danger", Some(good), &self.more_than_levels);
        let good = "no Secret of others, where it was looked, holds one that never ends";
        look("tokens", "immortal", Some(good), &self.immortal_tokens);
        if !self.immortal_tokens_everywhere {
            let why = "elsewhere: who may list Secrets may read them, so the manager may not";
            look("tokens", "not looked", None, &[why.to_owned()]);
        }
        let good = "none that is bound is gone or escalates";
        look("roles", "look", Some(good), &self.bound);
        if self.write_everywhere {
            let what = crate::ops::cluster::WRITE_SCOPE_WARNING.to_owned();
            look("write", "everywhere", None, &[what]);
        } else {
            let write = &self.write;
            look("write", "reaches", Some("no namespace"), &write.reaches);
            let good = "no namespace is excluded";
            look("write", "excluded", Some(good), &lines(&write.excluded));
            look("write", "included", None, &lines(&write.included));
        }
        for left in &self.write.left_out {
            let line = left.line(&self.cluster);
            look(left.level(), "leaves out", None, &[line]);
        }
        if self.pending > 0 {
            let what = format!("{} recorded here, not yet there", self.pending);
            look("pending", "pending", None, &[what]);
        }
        found
    }
}

impl View for CheckView {
    fn table(&self) -> Table<'_> {
        Table::of(&self.findings())
            .col("CHECK", |it| it.check)
            .col("RESULT", |it| it.result)
            .col("WHAT", |it| Some(it.what.clone()))
            .names(vec![format!("cluster/{}", self.cluster)])
    }
}
